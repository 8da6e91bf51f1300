const SPACE = 0x20;

/** Returns the index of the first byte from `from` on that is not whitespace in JSON. */
export function skipSpace(bytes: Buffer, from: number): number {
  let index = from;
  for (;;) {
    const byte = bytes[index];
    if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return index;
    index += 1;
  }
}
