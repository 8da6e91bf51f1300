import { FabricError } from '../errors.ts';
import type { ByteRange } from './byte-source.ts';
import { storeError } from './aws-errors.ts';

/** Maximum breaks of the connection in a row without a byte in between. */
const MAX_BREAKS = 3;

export interface ResumeOptions {
  /** Range of the chunks; `end` is not past the object's end. */
  readonly range: ByteRange;
  /** Opens the same object from a position on. */
  readonly open: (position: number) => Promise<AsyncIterable<Uint8Array>>;
  /** Name of the source for error messages, such as `s3://bucket/key`. */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Yields the chunks of a body, and continues from the same position if the connection breaks. A bundle is read for as
 * long as inference takes, and a store closes connections that are read too slowly.
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
