import type { ByteSource } from './byte-source.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Returns the same bytes with a line feed for each carriage return: lines are found, and offsets do not change. */
export function lineFeedSource(source: ByteSource): ByteSource {
  return {
    byteLength: source.byteLength,
    async *read(range, options) {
      for await (const chunk of source.read(range, options)) {
        yield chunk.map((byte) => (byte === CARRIAGE_RETURN ? LINE_FEED : byte));
      }
    },
  };
}
