import { type Compression, decompressedSource } from '../../lib/formats/compression.ts';
import type { ByteSource } from '../../lib/stores/byte-source.ts';

/** What is read ahead of what comes out is the same all the time, and so is left out: from here on it is there. */
const FROM_SHARE = 0.25;

/** How many bytes of a compressed source there are for each uncompressed one, of those up to `end`. */
export async function compressedBytesPerByte(
  source: ByteSource,
  compression: Compression,
  { end, signal }: { readonly end: number; readonly signal: AbortSignal },
): Promise<number> {
  let readTo = 0;
  const watched: ByteSource = {
    byteLength: source.byteLength,
    async *read(range, options) {
      for await (const chunk of source.read(range, options)) {
        readTo += chunk.length;
        yield chunk;
      }
    },
  };
  let position = 0;
  let from: { readonly position: number; readonly readTo: number } | undefined;
  for await (const chunk of decompressedSource(watched, compression).read({ start: 0, end }, { signal })) {
    position += chunk.length;
    if (position >= FROM_SHARE * end) from ??= { position, readTo };
  }
  if (from === undefined || position === from.position) return position === 0 ? 1 : readTo / position;
  return (readTo - from.readTo) / (position - from.position);
}
