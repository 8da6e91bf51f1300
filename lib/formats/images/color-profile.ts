/** Offset of the list of tags, which starts with their number. */
const TAGS_AT = 128;
const TAG_BYTES = 12;
const POSITION_BYTES = 8;

/**
 * Counts the operations that a colour profile (ICC.1) asks for in addition to its tables. Its `multiProcessElements` are
 * a program: a list of any length, whose entries can all be the same few bytes, is run for each of tens of thousands of
 * colours. A file of 2 KB would take minutes.
 *
 * @param most - it stops counting above this number.
 */
export function countProfileOperations(profile: Buffer, most: number): number {
  let operations = 0;
  const tags = Math.min(uint32(profile, TAGS_AT), Math.floor(profile.length / TAG_BYTES));
  for (let index = 0; index < tags && operations <= most; index += 1) {
    const at = uint32(profile, TAGS_AT + 4 + index * TAG_BYTES + 4);
    if (typeAt(profile, at) === 'mpet') operations += countElements(profile, at, most - operations);
  }
  return operations;
}

function countElements(profile: Buffer, tag: number, most: number): number {
  const count = uint32(profile, tag + 12);
  let operations = 0;
  for (let index = 0; index < count && operations <= most; index += 1) {
    const element = tag + uint32(profile, tag + 16 + index * POSITION_BYTES);
    operations += operationsOf(profile, element);
  }
  return operations;
}

function operationsOf(profile: Buffer, element: number): number {
  const inputs = uint16(profile, element + 8);
  switch (typeAt(profile, element)) {
    // Interpolates between the corners of a cube with this number of dimensions.
    case 'clut':
      return 2 ** inputs;
    // Looks for the segment of each channel's curve.
    case 'cvst':
      return segmentsOf(profile, element, inputs);
    default:
      return 1;
  }
}

function segmentsOf(profile: Buffer, curves: number, channels: number): number {
  let segments = 1;
  for (let channel = 0; channel < channels; channel += 1) {
    const curve = curves + uint32(profile, curves + 12 + channel * POSITION_BYTES);
    segments += uint16(profile, curve + 8);
  }
  return segments;
}

function typeAt(profile: Buffer, at: number): string {
  return profile.toString('latin1', at, at + 4);
}

function uint32(profile: Buffer, at: number): number {
  return at + 4 <= profile.length ? profile.readUInt32BE(at) : 0;
}

function uint16(profile: Buffer, at: number): number {
  return at + 2 <= profile.length ? profile.readUInt16BE(at) : 0;
}
