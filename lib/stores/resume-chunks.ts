import { FabricError } from '../errors.ts';
import type { ByteRange } from './byte-source.ts';
import { storeError } from './aws-errors.ts';

/** A connection that breaks so often in a row, with not one byte between, will not get better here. */
const MAX_BREAKS = 3;

export interface ResumeOptions {
  /** Which bytes the chunks are: `end` is where they end, not past the object. */
  readonly range: ByteRange;
  /** Reads on from a position, of the very same object. */
  readonly open: (position: number) => Promise<AsyncIterable<Uint8Array>>;
  /** What is read, for messages, such as `s3://bucket/key`. */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Passes on the chunks of a body, and reads on from where it was when the connection breaks: a bundle is read for as
 * long as it is inferred on, and a store lets go of whoever reads too slowly.
 */
export async function* resumeChunks(
  first: AsyncIterable<Uint8Array>,
  options: ResumeOptions,
): AsyncGenerator<Uint8Array> {
  const { range, open, name, signal } = options;
  let position = range.start;
  let body: AsyncIterable<Uint8Array> | undefined = first;
  for (let breaks = 0; ;) {
    try {
      body ??= await open(position);
      for await (const chunk of body) {
        breaks = 0;
        position += chunk.byteLength;
        yield chunk;
      }
      if (position >= range.end) return;
      throw new FabricError('STORE_UNAVAILABLE', `Cannot read ${name}: it ended at byte ${position} of ${range.end}`, {
        disposition: 'retry',
      });
    } catch (error) {
      signal?.throwIfAborted();
      const failure = storeError(error, `read ${name} from byte ${position}`);
      breaks += 1;
      if (breaks > MAX_BREAKS || position >= range.end || failure.code !== 'STORE_UNAVAILABLE') throw failure;
      body = undefined;
    }
  }
}
