import { FabricError } from '../errors.ts';
import type { ObjectInfo, PutOptions, StoreOptions } from '../stores/object-store.ts';
import type { OutputBucket } from './part-metadata.ts';

/** Others that write the same answer meanwhile. */
const MAX_TRIES = 20;
/** Says in an answer's metadata that it is a failure. */
const FAILED = 'failed';

export interface Answer {
  readonly key: string;
  readonly line: string;
  readonly failed: boolean;
  /** What it answers. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether an answer that is there already answers something older. */
  readonly replaces: (there: ObjectInfo['metadata']) => boolean;
}

/** Puts an answer where there is none or an older one. @returns whether it did */
export async function putAnswer(
  { key, line, failed, metadata, replaces }: Answer,
  { store, bucket }: OutputBucket,
  { signal }: StoreOptions = {},
): Promise<boolean> {
  const address = { bucket, key };
  const all = { ...metadata, ...(failed ? { [FAILED]: 'true' } : {}) };
  // As a rule there is none, and one request does.
  let only: PutOptions['only'] = 'absent';
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const options: PutOptions = { only, metadata: all, contentType: 'application/json', signal };
    if ((await store.put(address, `${line}\n`, options)) !== undefined) return true;
    const there = await store.head(address, { signal });
    if (there !== undefined && !replaces(there.metadata)) return false;
    only = there === undefined ? 'absent' : { ifMatch: there.etag };
  }
  throw new FabricError(
    'ANSWER_CONTENDED',
    `Cannot write ${key}: others have replaced it ${MAX_TRIES} times meanwhile`,
    {
      disposition: 'retry',
    },
  );
}

export function isFailure(metadata: ObjectInfo['metadata']): boolean {
  return metadata[FAILED] !== undefined;
}
