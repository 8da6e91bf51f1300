import { FabricError } from '../../errors.ts';
import { getBytes, type ObjectInfo, type PutOptions, type StoreOptions } from '../../stores/object-store.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { headOf } from '../output-layout.ts';

/** Others that write the same answer meanwhile. */
const MAX_TRIES = 20;
/** Says in an answer's metadata that it is a failure. */
const FAILED = 'failed';

/**
 * How many answers were there before. An answer has as many spaces behind its line: an ETag is its content's, so that an
 * answer which says the same as one before it would pass for that one, and who has read that one would replace it.
 */
const REPLACED = 'replaced';
const MAX_PADDING = 256;

export interface Answer {
  readonly key: string;
  readonly line: string;
  readonly failed: boolean;
  /** Input's version. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Returns whether an existing answer is for an older input. */
  readonly replaces: (there: ObjectInfo['metadata']) => boolean;
}

/**
 * Puts an answer if there is no answer yet, or an older one.
 *
 * @returns whether the answer was written
 * @throws FabricError `NOT_AN_ANSWER` if its key has an object that the fabric did not write
 */
export async function putAnswer(
  { key, line, failed, metadata, replaces }: Answer,
  { store, bucket }: OutputBucket,
  { signal }: StoreOptions = {},
): Promise<boolean> {
  const address = { bucket, key };
  const all = { ...metadata, ...(failed ? { [FAILED]: 'true' } : {}) };
  // Usually no answer exists: one request does.
  let only: PutOptions['only'] = 'absent';
  let replaced = 0;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const numbered = replaced === 0 ? all : { ...all, [REPLACED]: String(replaced) };
    const options: PutOptions = { only, metadata: numbered, contentType: 'application/json', signal };
    const body = `${line}${' '.repeat(replaced % MAX_PADDING)}\n`;
    if ((await store.put(address, body, options)) !== undefined) return true;
    const there = await store.head(address, { signal });
    if (there !== undefined && !replaces(there.metadata)) return false;
    if (there !== undefined) await expectAnswer({ key, line, metadata }, there, { store, bucket, signal });
    only = there === undefined ? 'absent' : { ifMatch: there.etag };
    replaced = there === undefined ? 0 : Number(there.metadata[REPLACED] ?? 0) + 1;
  }
  throw new FabricError(
    'ANSWER_CONTENDED',
    `Cannot write ${key}: others have replaced it ${MAX_TRIES} times meanwhile`,
    {
      disposition: 'retry',
    },
  );
}

/** Checks that an object is an answer. Answers of `fabric run` have no metadata, so their first field is compared. */
async function expectAnswer(
  { key, line, metadata }: Pick<Answer, 'key' | 'line' | 'metadata'>,
  there: ObjectInfo,
  { store, bucket, signal }: OutputBucket & StoreOptions,
): Promise<void> {
  if (Object.keys(metadata).some((name) => there.metadata[name] !== undefined)) return;
  const head = headOf(line) ?? line;
  const range = { start: 0, end: Math.min(there.byteLength, Buffer.byteLength(head)) };
  const start = range.end === 0 ? undefined : await getBytes(store, { bucket, key }, { range, signal });
  if (start !== undefined && Buffer.from(start).toString('utf8') === head) return;
  throw new FabricError('NOT_AN_ANSWER', `Cannot write ${key}: there is an object that fabric did not write`);
}

export function isFailure(metadata: ObjectInfo['metadata']): boolean {
  return metadata[FAILED] !== undefined;
}
