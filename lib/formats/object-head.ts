import type { ByteSource } from '../stores/byte-source.ts';
import type { ReadOptions } from './format.ts';
import { readHead } from './head.ts';

/** Number of bytes that is enough to detect the kind of an object, and for most headers. */
export const HEAD_BYTES = 64 * 1024;

/** An object whose first bytes are in memory and are read from there. */
export interface HeadedSource {
  readonly head: Buffer;
  readonly source: ByteSource;
}

/** Reads the first bytes of an object. */
export async function openHead(source: ByteSource, options: ReadOptions = {}): Promise<HeadedSource> {
  const head = await readHead(source, HEAD_BYTES, options);
  return {
    head,
    source: {
      byteLength: source.byteLength,
      async *read({ start, end }, readOptions) {
        // A copy, because chunks belong to the caller.
        if (start < head.length) yield Buffer.from(head.subarray(start, end));
        const from = Math.max(start, head.length);
        const isAll = head.length < HEAD_BYTES;
        if (from < end && !isAll) yield* source.read({ start: from, end }, readOptions);
      },
    },
  };
}
