const SIGNATURE_BYTES = 8;
/** A chunk's length, type and checksum. */
const CHUNK_FRAME_BYTES = 12;
/** Chunks of text that is, or may be, compressed. */
const TEXT_CHUNKS: ReadonlySet<string> = new Set(['zTXt', 'iTXt']);

/**
 * Returns a PNG without its compressed texts, on which no pixel depends. The decoder would decompress each of up to a
 * thousand texts to as much as 8 MB, and keep all of them: 8 GB, from a file of 8 MB.
 */
export function withoutCompressedText(bytes: Uint8Array): Uint8Array {
  const png = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Buffer[] = [];
  let from = 0;
  let at = SIGNATURE_BYTES;
  while (at + CHUNK_FRAME_BYTES <= png.length) {
    const type = png.toString('latin1', at + 4, at + 8);
    const end = Math.min(at + CHUNK_FRAME_BYTES + png.readUInt32BE(at), png.length);
    if (TEXT_CHUNKS.has(type)) {
      if (at > from) kept.push(png.subarray(from, at));
      from = end;
    }
    at = end;
  }
  return from === 0 ? bytes : Buffer.concat([...kept, png.subarray(from)]);
}
