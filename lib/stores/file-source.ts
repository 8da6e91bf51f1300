import { open } from 'node:fs/promises';
import { ElementReadError, FabricError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';

/** Large enough that a read costs little beside its parsing, small enough that many workers can hold one each. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Opens a file for reading by range.
 *
 * @throws ElementReadError named `SourceGone` where there is no such file.
 */
export async function openFileSource(path: string): Promise<ByteSource & AsyncDisposable> {
  const file = await openFile(path);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new FabricError('SOURCE_NOT_A_FILE', `Cannot read ${path}: it is not a file`);
    return fileSource(path, file, stats.size);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openFile(path: string) {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new ElementReadError('SourceGone', `Cannot read ${path}: there is no such file`, { cause: error });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function fileSource(
  path: string,
  file: Awaited<ReturnType<typeof open>>,
  byteLength: number,
): ByteSource & AsyncDisposable {
  return {
    byteLength,
    async *read(range, { signal } = {}) {
      const end = Math.min(range.end, byteLength);
      for (let position = range.start; position < end;) {
        signal?.throwIfAborted();
        const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - position));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
        if (bytesRead === 0)
          throw new FabricError('SOURCE_CHANGED', `Cannot read ${path}: it became shorter meanwhile`);
        position += bytesRead;
        yield bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead);
      }
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
