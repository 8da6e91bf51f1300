import { type Compression, decompressedSource } from '../../lib/formats/compression.ts';
import type { ByteSource } from '../../lib/stores/byte-source.ts';

/** Share of the output from which points count. The read-ahead is constant from here on, so it does not change the slope. */
const FROM_SHARE = 0.25;

/** Returns the number of compressed bytes per uncompressed byte of a source, up to the uncompressed position `end`. */
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
  const points: Point[] = [];
  for await (const chunk of decompressedSource(watched, compression).read({ start: 0, end }, { signal })) {
    position += chunk.length;
    if (position >= FROM_SHARE * end) points.push({ x: position, y: readTo });
  }
  const perByte = slopeOf(points);
  if (perByte > 0) return perByte;
  return position === 0 ? 1 : readTo / position;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Returns the slope of the least-squares line, because the read-ahead varies from point to point. NaN without points. */
function slopeOf(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number): number => points.reduce((sum, at) => sum + of(at), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  return mean((point) => (point.x - x) * (point.y - y)) / mean((point) => (point.x - x) ** 2);
}
