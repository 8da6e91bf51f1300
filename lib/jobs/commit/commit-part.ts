import { randomUUID } from 'node:crypto';
import { basename } from 'node:path/posix';
import { FabricError } from '../../errors.ts';
import { LINES_SUFFIX, LINES_TYPE } from '../../formats/parts/json-lines.ts';
import { partWriter } from '../../formats/parts/part-formats.ts';
import type { PutOptions, StoreOptions } from '../../stores/object-store.ts';
import { type NotedOutcomes, partNote } from '../part-note.ts';
import { encodePart } from './encode-part.ts';
import type { OutcomeSpool } from './outcome-spool.ts';
import type { PartPlace } from '../output-layout.ts';
import { type CommittedPart, metadataOf, readPart } from './part-metadata.ts';
import type { OutputBucket } from '../fabric-ports.ts';

/** End of the names of staged errors. */
export const STAGED_ERRORS = `.errors${LINES_SUFFIX}`;

export interface CommitPartOptions
  extends StoreOptions, Pick<NotedOutcomes, 'models' | 'providers' | 'usage' | 'measures' | 'elapsedMillis'> {
  readonly output: OutputBucket;
  /** State of the part's object under which the commit succeeds: absent, or the part that it replaces. @default 'absent' */
  readonly only?: PutOptions['only'];
}

/** Result of a commit. */
export interface Commit {
  /** The committed part, of this attempt or another one. */
  readonly part: CommittedPart;
  /** True if the part is this attempt's. */
  readonly won: boolean;
}

/**
 * Commits a bundle's outcomes. The errors are staged under a name that no other attempt has, then one conditional put of
 * the results decides for both. An attempt that loses drops its outcomes and continues with the committed part; what it
 * staged expires. Providers, tokens and measures are by default those of the spool's outcomes.
 *
 * @throws FabricError `PART_OF_ANOTHER_JOB` if the part's object is of another job.
 */
export async function commitPart(
  place: PartPlace,
  spool: OutcomeSpool,
  { output, only = 'absent', signal, ...known }: CommitPartOptions,
): Promise<Commit> {
  await spool.close();
  const { store, bucket } = output;
  const staging = `${place.staging}.${randomUUID()}`;
  const { tally, errors } = spool;
  const part = await encodePart(spool.results, place.format);
  const errorsKey = errors.byteLength === 0 ? undefined : staging + STAGED_ERRORS;
  if (errorsKey !== undefined) {
    await store.put({ bucket, key: errorsKey }, { path: errors.path }, { contentType: LINES_TYPE, signal });
  }
  const note = partNote(
    { job: place.job, name: basename(place.part), bytes: part.byteLength, errors: errorsKey },
    { ...tally, ...known },
  );
  const metadata = await metadataOf(note, `${staging}.details.json`, { ...output, signal });
  const { contentType } = partWriter(place.format);
  const options = { only, metadata, contentType, signal };
  const put = await store.put({ bucket, key: place.part }, { path: part.path }, options);
  if (put !== undefined) return { part: { note, etag: put.etag }, won: true };
  const committed = await readPart(place, output, { signal });
  if (committed === undefined) {
    throw new FabricError('PART_OF_ANOTHER_JOB', `Cannot commit ${place.part}: it holds results of another job`);
  }
  // The response to a put that succeeded can be lost. The name of the errors tells whose part it is.
  return { part: committed, won: errorsKey !== undefined && committed.note.errors === errorsKey };
}
