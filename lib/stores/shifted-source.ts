import type { ByteSource } from './byte-source.ts';

/**
 * Presents an object that holds the bytes from `start` on of a larger one as that larger one, so that offsets stay the
 * larger one's: how a staged chunk of decompressed input is read. It ends where the chunk ends.
 *
 * Reading throws a RangeError before `start`: those bytes are not there.
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
