import type { MessageQueue } from '../../stores/message-queue.ts';
import type { StoreOptions } from '../../stores/object-store.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { inParallel } from '../in-parallel.ts';
import type { SeenJob } from './look-at-job.ts';
import { type Manifest, manifestOf } from '../manifest.ts';
import { manifestKey, partPlace, successKey } from '../output-layout.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { replaceErrors } from '../commit/replace-errors.ts';
import type { PartReader } from '../commit/read-parts.ts';
import { endRedrive } from '../notes/redrive-notes.ts';
import { settlePart } from '../commit/settle-part.ts';

/** Parts that are settled at once: each reads and sends its failures. */
const SETTLED_AT_ONCE = 8;

export interface EndJobOptions extends StoreOptions {
  readonly pipeline: string;
  readonly deadLetters: MessageQueue;
  readonly output: OutputBucket;
  readonly telemetry: Telemetry;
  /** ETag of the manifest before the job was looked at. */
  readonly manifestEtag: string | undefined;
}

/**
 * Ends a job as it was seen: does what its parts still lack, writes the manifest and, for a complete job, `_SUCCESS`.
 *
 * @returns the manifest; undefined where another one was written since, which may have seen more.
 */
export async function endJob(
  { recorded }: PartReader,
  { end, list, parts, abandoned }: Extract<SeenJob, { kind: 'ended' }>,
  options: EndJobOptions,
): Promise<Manifest | undefined> {
  const { output, manifestEtag, signal } = options;
  const { job, folder } = recorded;
  const lacking = [...parts].filter(([bundle, { note }]) => note.errors !== undefined && !list.errors.has(bundle));
  await inParallel(lacking, SETTLED_AT_ONCE, ([bundle, part]) =>
    settlePart(partPlace(recorded, bundle), part, options),
  );
  for (const bundle of abandoned) {
    // It may have ended between its commit and the errors.
    const part = parts.get(bundle);
    if (part !== undefined) await replaceErrors(partPlace(recorded, bundle), part, { ...output, signal });
    await endRedrive({ job, bundle }, undefined, { ...output, signal });
  }

  const { store, bucket } = output;
  const notes = [...parts].sort(([a], [b]) => a - b).map(([, { note }]) => note);
  const manifest = manifestOf(job, end, notes);
  const only = manifestEtag === undefined ? 'absent' : { ifMatch: manifestEtag };
  const put = await store.put({ bucket, key: manifestKey(recorded) }, `${JSON.stringify(manifest, undefined, 2)}\n`, {
    only,
    contentType: 'application/json',
    signal,
  });
  if (put === undefined) return undefined;
  if (end.status === 'complete') await store.put({ bucket, key: successKey(folder) }, '', { only: 'absent', signal });
  return manifest;
}
