import type { ByteSource } from './byte-source.ts';

/**
 * Presents a chunk, which holds the bytes of a larger object from `start` on, as that object: offsets are those of the
 * larger object. Staged chunks of decompressed input are read this way. It ends where the chunk ends.
 *
 * Reading before `start` throws a RangeError: the chunk does not have those bytes.
 */
export function shiftedSource(chunk: ByteSource, start: number): ByteSource {
  return {
    byteLength: start + chunk.byteLength,
    read(range, options) {
      if (range.start < start) {
        throw new RangeError(
          `Cannot read as 'range.start' must be at least the chunk's start, ${start}: current value is ${range.start}`,
        );
      }
      return chunk.read({ start: range.start - start, end: range.end - start }, options);
    },
  };
}
