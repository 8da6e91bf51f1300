/** Numbers of at most 32 bits, as levels and places in a dictionary are. */
export type Places = Uint8Array | Int32Array;

interface Encoded {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Bits of a number. */
  readonly width: number;
}

/**
 * Decodes numbers that are runs of equal ones, or packed bits: Parquet's hybrid encoding. What the runs have beyond the
 * count is left out.
 *
 * @throws RangeError if there are fewer numbers
 */
export function readRuns(encoded: Encoded, count: number): Places {
  return fillRuns(encoded, encoded.width <= 8 ? new Uint8Array(count) : new Int32Array(count));
}

/** Fills all places with decoded numbers, as {@link readRuns} does. Returns the places. */
export function fillRuns<T extends Places>({ bytes, start, end, width }: Encoded, numbers: T): T {
  const count = numbers.length;
  if (!(width >= 0 && width <= 32 && start <= end && end <= bytes.length)) throw new RangeError('its runs are damaged');
  let at = start;
  let filled = 0;
  while (filled < count) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= end || shift > 28) throw new RangeError('it has fewer values than its header says');
      const byte = bytes[at++] as number;
      header |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if ((header & 1) === 1) {
      const groups = header >>> 1;
      const most = Math.min(count - filled, groups * 8);
      unpackBits({ bytes, start: at, end, width }, numbers, filled, most);
      at = Math.min(end, at + groups * width);
      filled += most;
    } else {
      const length = Math.min(count - filled, header >>> 1);
      const valueBytes = (width + 7) >> 3;
      if (at + valueBytes > end || length === 0) throw new RangeError('it has a run without values');
      let value = 0;
      for (let index = 0; index < valueBytes; index += 1) value |= (bytes[at + index] as number) << (8 * index);
      at += valueBytes;
      numbers.fill(value, filled, filled + length);
      filled += length;
    }
  }
  return numbers;
}

/** Unpacks numbers whose bits follow one another, the lowest first. Bits behind the end are zeros. */
// Called for each run: an object of options for each would cost more than the work.
// oxlint-disable-next-line max-params
function unpackBits({ bytes, start, end, width }: Encoded, numbers: Places, from: number, count: number): void {
  if (start + Math.ceil((count * width) / 8) > end) throw new RangeError('it has fewer values than its header says');
  const mask = width === 32 ? -1 : (1 << width) - 1;
  let bit = 0;
  for (let index = from; index < from + count; index += 1) {
    const at = start + (bit >>> 3);
    const shift = bit & 7;
    let value =
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24)) >>>
      shift;
    if (shift + width > 32) value |= (bytes[at + 4] as number) << (32 - shift);
    numbers[index] = value & mask;
    bit += width;
  }
}

/** Returns the number of bits that numbers up to `most` have. */
export function bitsOf(most: number): number {
  return 32 - Math.clz32(most);
}
