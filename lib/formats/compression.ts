import { pipeline, Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { FabricError } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import { codeOf } from '../stores/system-errors.ts';
import { isBinary } from './encodings.ts';
import type { ReadOptions } from './format.ts';
import { openHead } from './object-head.ts';
import { describeSignature } from './signatures.ts';
import { isFrameMagic, zstdFrameChunks } from './zstd-frames.ts';

export type Compression = 'gzip' | 'zstd';

const SUFFIXES: readonly (readonly [suffix: string, compression: Compression])[] = [
  ['.gz', 'gzip'],
  ['.zst', 'zstd'],
  ['.zstd', 'zstd'],
];
const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC = 0x1f8b;

/** Returns an object's compression by the suffix of its name. */
export function compressionOf(name: string): Compression | undefined {
  const lowerCase = name.toLowerCase();
  return SUFFIXES.find(([suffix]) => lowerCase.endsWith(suffix))?.[1];
}

/** An object whose first bytes were read into memory. */
export interface OpenedObject {
  readonly source: ByteSource;
  readonly compression: Compression | undefined;
}

/**
 * Detects the compression of an object from its first bytes, whatever its name.
 *
 * @throws FabricError `CORRUPT_COMPRESSION` if its name is that of a compressed object, and it is neither that nor
 *   text.
 */
export async function openObject(source: ByteSource, name: string, options: ReadOptions = {}): Promise<OpenedObject> {
  const opened = await openHead(source, options);
  const { head } = opened;
  const compression = compressionIn(head);
  const named = compressionOf(name);
  // Other kinds of data are found by the caller that reads it as text.
  if (compression === undefined && named !== undefined && isBinary(head) && describeSignature(head) === undefined) {
    throw corrupt(named, 'the object is damaged at its start, or it has another compression');
  }
  return { source: opened.source, compression };
}

function compressionIn(head: Buffer): Compression | undefined {
  if (head.length >= 2 && head.readUInt16BE(0) === GZIP_MAGIC) return 'gzip';
  if (head.length < 4) return undefined;
  return isFrameMagic(head.readUInt32LE(0)) ? 'zstd' : undefined;
}

function corrupt(compression: Compression, problem: string, cause?: unknown): FabricError {
  return new FabricError('CORRUPT_COMPRESSION', `Cannot decompress ${compression}: ${problem}`, { cause });
}

/**
 * Yields the decompressed bytes of an object: of all its gzip members or zstd frames.
 *
 * @throws FabricError `CORRUPT_COMPRESSION` if it is not compressed in this way, is damaged, or is cut short.
 */
export async function* decompress(
  source: ByteSource,
  compression: Compression,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  if (compression === 'zstd') {
    const chunks = source.read({ start: 0, end: source.byteLength }, readingOf(options));
    yield* decoded(zstdFrameChunks(chunks), compression, createZstdDecompress({ chunkSize: CHUNK_BYTES }));
    return;
  }
  let start = 0;
  while (start < source.byteLength) {
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    yield* decoded(source.read({ start, end: source.byteLength }, readingOf(options)), compression, gunzip);
    // zlib ends without an error at the last member before zero bytes. `bytesWritten` is the number that it has read.
    start = await endOfZeros(source, start + gunzip.bytesWritten, options);
  }
}

function readingOf({ signal }: ReadOptions): ReadOptions {
  return signal === undefined ? {} : { signal };
}

async function* decoded(
  chunks: AsyncIterable<Uint8Array>,
  compression: Compression,
  output: Transform,
): AsyncGenerator<Uint8Array> {
  // Every error, the source's too, is an error of `output`.
  pipeline(Readable.from(chunks, { objectMode: false }), output, () => {});
  try {
    yield* output;
  } catch (error) {
    if (!isCodecError(error)) throw error;
    throw corrupt(compression, problemOf(error), error);
  }
}

/** Returns the offset of the first byte that is not zero: blocks of tapes and archives are padded with zeros. */
async function endOfZeros(source: ByteSource, start: number, options: ReadOptions): Promise<number> {
  let position = start;
  if (position >= source.byteLength) return position;
  for await (const chunk of source.read({ start, end: source.byteLength }, readingOf(options))) {
    const other = chunk.findIndex((byte) => byte !== 0);
    if (other !== -1) return position + other;
    position += chunk.length;
  }
  return position;
}

type CodecError = Error & { readonly code: unknown };

/** Returns true if the error's code is one of zlib or zstd. */
function isCodecError(error: unknown): error is CodecError {
  return /^(?:Z|ZSTD)_/.test(codeOf(error) ?? '');
}

function problemOf({ code, message }: CodecError): string {
  // zlib and Node.js report this for data that ends too early, zstd if its last frame does.
  if (code === 'Z_BUF_ERROR' || /unexpected end|truncated/i.test(message)) return 'the object is cut short';
  return 'the object is damaged, or something else follows the compressed data';
}

/**
 * Returns a compressed object's uncompressed bytes as a source. A read decompresses from the start, and drops the bytes
 * before its range. The length is unknown, so `byteLength` is Infinity.
 *
 * @param limit - maximum bytes, and the error that is thrown if there are more. @default any number
 */
export function decompressedSource(
  source: ByteSource,
  compression: Compression,
  limit?: { readonly byteLength: number; readonly error: () => Error },
): ByteSource {
  return {
    byteLength: Infinity,
    async *read({ start, end }, options) {
      let position = 0;
      for await (const chunk of decompress(source, compression, options)) {
        const bytes = chunk.subarray(Math.max(0, start - position), Math.max(0, end - position));
        position += chunk.length;
        if (limit !== undefined && Math.min(position, end) > limit.byteLength) throw limit.error();
        if (bytes.length > 0) yield bytes;
        if (position >= end) return;
      }
    },
  };
}
