/** Number of bytes that is enough to detect an encoding by the positions of its NULs. */
const SAMPLE_BYTES = 1024;
const MAX_CHARACTER_BYTES = 4;
/** The character that decoding inserts for bytes that are not UTF-8. */
const REPLACEMENT = '\uFFFD';
const REPLACEMENT_BYTES = Buffer.from(REPLACEMENT);

/** Byte order marks. UTF-32's comes before UTF-16's, which is its beginning. */
const MARKS: readonly (readonly [encoding: string, mark: readonly number[]])[] = [
  ['UTF-32LE', [0xff, 0xfe, 0, 0]],
  ['UTF-32BE', [0, 0, 0xfe, 0xff]],
  ['UTF-16LE', [0xff, 0xfe]],
  ['UTF-16BE', [0xfe, 0xff]],
];

/** Positions, in four bytes of text, of the NULs of its Latin letters, spaces and line feeds. */
const NULS: readonly (readonly [encoding: string, nuls: readonly number[]])[] = [
  ['UTF-32LE', [1, 2, 3]],
  ['UTF-32BE', [0, 1, 2]],
  ['UTF-16LE', [1, 3]],
  ['UTF-16BE', [0, 2]],
];
/** Minimum share and number of NULs at each of an encoding's positions; at the other positions they are the maximum. */
const MIN_NUL_SHARE = 0.15;
const MIN_NULS = 2;
const MAX_OTHER_NUL_SHARE = 0.02;

/** Detects the encoding of text that is not UTF-8 by its first bytes: a byte order mark, or NULs. */
export function wideEncodingOf(head: Buffer): string | undefined {
  const marked = MARKS.find(([, mark]) => mark.every((byte, index) => head[index] === byte));
  if (marked !== undefined) return marked[0];
  const sample = head.subarray(0, SAMPLE_BYTES);
  if (!sample.includes(0)) return undefined;
  const placeBytes = sample.length / MAX_CHARACTER_BYTES;
  const counts = nulCounts(sample);
  const hasNuls = (count: number): boolean => count >= MIN_NULS && count >= MIN_NUL_SHARE * placeBytes;
  const hasNone = (count: number): boolean => count <= MAX_OTHER_NUL_SHARE * placeBytes;
  return NULS.find(([, nuls]) =>
    counts.every((count, place) => (nuls.includes(place) ? hasNuls(count) : hasNone(count))),
  )?.[0];
}

/** Counts the NULs at each position of four bytes. */
function nulCounts(sample: Buffer): readonly number[] {
  const counts = [0, 0, 0, 0];
  for (const [index, byte] of sample.entries()) if (byte === 0) counts[index % 4] = (counts[index % 4] ?? 0) + 1;
  return counts;
}

/** Checks whether the first bytes of an object are not text: they contain NULs, or are not UTF-8. */
export function isBinary(head: Buffer): boolean {
  if (head.includes(0)) return true;
  return invalidUtf8At(head) < head.length - MAX_CHARACTER_BYTES;
}

/** Describes the problem with bytes that are not UTF-8. */
export function describeInvalidUtf8(bytes: Buffer): string {
  const at = invalidUtf8At(bytes);
  const byte = (bytes[at] ?? 0).toString(16).padStart(2, '0');
  return `it is not valid UTF-8, byte ${at + 1} of it is 0x${byte}: convert the file to UTF-8, which may be Latin-1 or Windows-1252`;
}

/** Finds the index of the first character that is not UTF-8; the length if all are. */
function invalidUtf8At(bytes: Buffer): number {
  const text = bytes.toString('utf8');
  let offset = 0;
  let from = 0;
  for (;;) {
    const at = text.indexOf(REPLACEMENT, from);
    if (at === -1) return bytes.length;
    offset += Buffer.byteLength(text.slice(from, at));
    // It may be a character of the text itself.
    if (!REPLACEMENT_BYTES.equals(bytes.subarray(offset, offset + REPLACEMENT_BYTES.length))) return offset;
    offset += REPLACEMENT_BYTES.length;
    from = at + 1;
  }
}
