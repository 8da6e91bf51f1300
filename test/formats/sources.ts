import type { ByteRange, ByteSource } from '../../lib/stores/byte-source.ts';

/** Bytes in memory, given out in chunks of `chunkBytes`. */
export function memorySource(content: string | Uint8Array, chunkBytes = 64 * 1024): ByteSource {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return syntheticSource(bytes.length, (start, end) => bytes.slice(start, end), chunkBytes);
}

/** An object whose bytes are made when they are read. */
export function syntheticSource(
  byteLength: number,
  make: (start: number, end: number) => Uint8Array,
  chunkBytes = 64 * 1024,
): ByteSource {
  return {
    byteLength,
    async *read({ start, end }, { signal } = {}) {
      const last = Math.min(end, byteLength);
      for (let at = start; at < last; at += chunkBytes) {
        signal?.throwIfAborted();
        yield make(at, Math.min(at + chunkBytes, last));
      }
    },
  };
}

export interface RecordingSource extends ByteSource {
  /** What was asked for. */
  readonly asked: ByteRange[];
  /** Which bytes came. */
  readonly given: ByteRange[];
}

export function recordingSource(source: ByteSource): RecordingSource {
  const asked: ByteRange[] = [];
  const given: ByteRange[] = [];
  return {
    byteLength: source.byteLength,
    asked,
    given,
    async *read(range, options) {
      asked.push(range);
      let start = range.start;
      for await (const chunk of source.read(range, options)) {
        given.push({ start, end: start + chunk.length });
        start += chunk.length;
        yield chunk;
      }
    },
  };
}
