import { open } from 'node:fs/promises';
import { ElementReadError, FabricError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { codeOf, isMissing, systemReason } from './system-errors.ts';

/** Bytes of a read: large enough that it costs little compared to parsing, small enough for one in each of many workers. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Opens a file for reading by range.
 *
 * @throws ElementReadError named `SourceGone` if there is no such file, `SourceUnreadable` if it can't be read; reading
 *   throws the latter too.
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
    if (!isMissing(error)) throw unreadable(path, error);
    throw new ElementReadError('SourceGone', `Cannot read ${path}: there is no such file`, { cause: error });
  }
}

/** Error codes for a system without free resources; the file is not the cause. */
const SHORT_OF_RESOURCES = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR']);

/** Returns an error that names the file and the system's reason, if the file is the cause. */
function unreadable(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined || SHORT_OF_RESOURCES.has(code)) return error;
  return new ElementReadError('SourceUnreadable', `Cannot read ${path}: ${systemReason(error)}`, { cause: error });
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
        const { bytesRead } = await file.read(chunk, 0, chunk.length, position).catch((error: unknown) => {
          throw unreadable(path, error);
        });
        if (bytesRead === 0)
          throw new FabricError('SOURCE_CHANGED', `Cannot read ${path}: it became shorter meanwhile`);
        position += bytesRead;
        yield bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead);
      }
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
