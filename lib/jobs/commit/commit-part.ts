import { randomUUID } from 'node:crypto';
import { basename } from 'node:path/posix';
import { FabricError } from '../../errors.ts';
import { LINES_SUFFIX, LINES_TYPE } from '../../formats/parts/json-lines.ts';
import { partWriter } from '../../formats/parts/part-formats.ts';
import type { BundleSummary, Providers } from '../../inference/bundle.ts';
import type { TokenUsage } from '../../remote/token-usage.ts';
import type { PutOptions, StoreOptions } from '../../stores/object-store.ts';
import type { PartNote } from '../manifest.ts';
import { encodePart } from './encode-part.ts';
import type { OutcomeSpool } from './outcome-spool.ts';
import type { PartPlace } from '../output-layout.ts';
import { type CommittedPart, metadataOf, readPart } from './part-metadata.ts';
import type { OutputBucket } from '../fabric-ports.ts';

/** End of the names of staged errors. */
export const STAGED_ERRORS = `.errors${LINES_SUFFIX}`;

export interface CommitPartOptions extends StoreOptions, Pick<BundleSummary, 'models' | 'elapsedMillis'> {
  /** What models that asked for a device ran on. @default what the spool's outcomes say */
  readonly providers?: Providers | undefined;
  /** Tokens that were counted. @default the tokens of the spool's outcomes */
  readonly usage?: TokenUsage | undefined;
  readonly output: OutputBucket;
  /** What must be there for the commit to hold: nothing, or the part that it replaces. @default 'absent' */
  readonly only?: PutOptions['only'];
}

/** What a commit came to. */
export interface Commit {
  /** What is committed now, by this attempt or another. */
  readonly part: CommittedPart;
  /** Whether it is this attempt's. */
  readonly won: boolean;
}

/**
 * Commits a bundle's outcomes: the errors are staged under a name of this attempt's own, then one conditional put of the
 * results decides for both. Who loses it drops his outcomes and goes on from what was committed; what he staged expires.
 *
 * @throws FabricError `PART_OF_ANOTHER_JOB` where another job's part stands there.
 */
export async function commitPart(
  place: PartPlace,
  spool: OutcomeSpool,
  { output, models, elapsedMillis, only = 'absent', signal, ...counted }: CommitPartOptions,
): Promise<Commit> {
  const { providers = spool.tally.providers, usage = spool.tally.usage } = counted;
  await spool.close();
  const { store, bucket } = output;
  const staging = `${place.staging}.${randomUUID()}`;
  const { tally, errors } = spool;
  const part = await encodePart(spool.results, place.format);
  const errorsKey = errors.byteLength === 0 ? undefined : staging + STAGED_ERRORS;
  if (errorsKey !== undefined) {
    await store.put({ bucket, key: errorsKey }, { path: errors.path }, { contentType: LINES_TYPE, signal });
  }
  const note: PartNote = {
    job: place.job,
    name: basename(place.part),
    elements: tally.total,
    bytes: part.byteLength,
    succeeded: tally.succeeded,
    failedByStage: tally.failedByStage,
    models,
    ...(providers === undefined ? {} : { providers }),
    ...(usage === undefined ? {} : { usage }),
    ...(errorsKey === undefined ? {} : { errors: errorsKey }),
    elapsedMillis: Math.round(elapsedMillis),
  };
  const metadata = await metadataOf(note, `${staging}.details.json`, output, { signal });
  const { contentType } = partWriter(place.format);
  const options = { only, metadata, contentType, signal };
  const put = await store.put({ bucket, key: place.part }, { path: part.path }, options);
  if (put !== undefined) return { part: { note, etag: put.etag }, won: true };
  const committed = await readPart(place, output, { signal });
  if (committed === undefined) {
    throw new FabricError('PART_OF_ANOTHER_JOB', `Cannot commit ${place.part}: it holds results of another job`);
  }
  // The answer to a put that succeeded may have been lost: names of attempts are unique.
  return { part: committed, won: errorsKey !== undefined && committed.note.errors === errorsKey };
}
