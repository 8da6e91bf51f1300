import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { CompressionCodec, Compressors } from 'hyparquet';
import { compressors as portable } from 'hyparquet-compressors';

/** Decompresses pages. Node's own codecs stop at the size that the page's header has. */
export const codecs: Compressors = {
  ...portable,
  GZIP: (bytes, length) => gunzipSync(bytes, { maxOutputLength: length }),
  BROTLI: (bytes, length) => brotliDecompressSync(bytes, { maxOutputLength: length }),
  ZSTD: (bytes, length) => zstdDecompressSync(bytes, { maxOutputLength: length }),
};

/** Checks whether pages of this codec can be decompressed. */
export function isKnownCodec(codec: CompressionCodec | undefined): boolean {
  return codec === 'UNCOMPRESSED' || (codec !== undefined && codec in codecs);
}
