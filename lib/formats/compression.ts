import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { FabricError } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import type { ReadOptions } from './format.ts';
import { zstdFrameChunks } from './zstd-frames.ts';

export type Compression = 'gzip' | 'zstd';

const SUFFIXES: readonly (readonly [suffix: string, compression: Compression])[] = [
  ['.gz', 'gzip'],
  ['.zst', 'zstd'],
  ['.zstd', 'zstd'],
];
const CHUNK_BYTES = 256 * 1024;

/** How an object is compressed, by the suffix of its name. */
export function compressionOf(name: string): Compression | undefined {
  const lowerCase = name.toLowerCase();
  return SUFFIXES.find(([suffix]) => lowerCase.endsWith(suffix))?.[1];
}

/**
 * The decompressed bytes of an object, as a stream; of all its gzip members or zstd frames.
 *
 * @throws FabricError with code `CORRUPT_COMPRESSION` where it is not compressed so, or damaged, or cut short.
 */
export async function* decompress(
  source: ByteSource,
  compression: Compression,
  { signal }: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  const chunks = source.read({ start: 0, end: source.byteLength }, signal ? { signal } : {});
  const options = { chunkSize: CHUNK_BYTES };
  const output = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  const input = Readable.from(compression === 'gzip' ? chunks : zstdFrameChunks(chunks), { objectMode: false });
  // Every error, the source's too, comes out of `output`.
  pipeline(input, output, () => {});
  try {
    yield* output;
  } catch (error) {
    if (!isCodecError(error)) throw error;
    const message = `Cannot decompress ${compression}: the object is damaged, cut short, or not compressed so`;
    throw new FabricError('CORRUPT_COMPRESSION', message, { cause: error });
  }
}

/** Whether zlib's or zstd's own code says so. */
function isCodecError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(?:Z|ZSTD)_/.test(String(error.code));
}

/**
 * A compressed object's uncompressed bytes as a source, for reading from the start on: what lies before a range is
 * decompressed and dropped. Its length is unknown, so `byteLength` is Infinity.
 */
export function decompressedSource(source: ByteSource, compression: Compression): ByteSource {
  return {
    byteLength: Infinity,
    async *read({ start, end }, options) {
      let position = 0;
      for await (const chunk of decompress(source, compression, options)) {
        const bytes = chunk.subarray(Math.max(0, start - position), Math.max(0, end - position));
        position += chunk.length;
        if (bytes.length > 0) yield bytes;
        if (position >= end) return;
      }
    },
  };
}
