const SIZE_BYTES = 4;
const HEADER_BYTES = 8;
/** Header with a 64-bit size. */
const LONG_HEADER_BYTES = 16;

/** A box of a HEIF file (ISO/IEC 14496-12): its content is `[start, end)`. */
export interface Box {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** Yields the boxes in `[from, to)`, as far as they are complete. Each is passed once. */
export function* boxesIn(bytes: Buffer, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + HEADER_BYTES <= to) {
    const short = bytes.readUInt32BE(at);
    const isLong = short === 1;
    const start = at + (isLong ? LONG_HEADER_BYTES : HEADER_BYTES);
    if (start > to) return;
    // A box of size 0 goes on to the end.
    const end = short === 0 ? to : at + (isLong ? Number(bytes.readBigUInt64BE(at + HEADER_BYTES)) : short);
    if (end < start || end > to) return;
    yield { type: bytes.toString('latin1', at + SIZE_BYTES, at + HEADER_BYTES), start, end };
    at = end;
  }
}
