import { rm } from 'node:fs/promises';
import type { BundleSummary } from '../../inference/bundle.ts';
import { getBytes, getText } from '../../stores/object-store.ts';
import { commitPart, STAGED_ERRORS } from '../commit/commit-part.ts';
import { inParallel } from '../in-parallel.ts';
import type { Job } from '../job.ts';
import type { RecordedJob } from '../job-record.ts';
import { type JobEnd, manifestOf } from '../manifest.ts';
import type { PartNote } from '../part-note.ts';
import { OutcomeSpool } from '../commit/outcome-spool.ts';
import type { FolderNames } from '../part-names.ts';
import { manifestKey, partPlace, type PartPlace, stagingOf, successKey } from '../output-layout.ts';
import { type CommittedPart, readPart } from '../commit/part-metadata.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { type PartList, PartReader } from '../commit/read-parts.ts';
import { replaceErrors } from '../commit/replace-errors.ts';
import { isChunkThere } from './chunks.ts';
import type { JobOutput, StagedPart } from './run-output.ts';

/** Deletes at once: S3 takes 3,500 a second for a prefix. */
const DELETES_AT_ONCE = 32;

export interface StoredJobOptions {
  readonly output: OutputBucket;
  /** The folder's URI. */
  readonly shown: string;
  readonly chunkPath: (bundle: number) => string;
}

/**
 * A job's results in a bucket, written from here: as a deployed fabric writes them, but for its dead letters. Beside what
 * that stages, `.fabric/<pipeline>/<job>/part-….started` says that a bundle was taken up and not committed.
 */
export class StoredJob implements JobOutput {
  readonly job: Job;
  readonly folder: string;
  readonly chunkPath: (bundle: number) => string;
  readonly #recorded: RecordedJob;
  readonly #output: OutputBucket;
  /** Parts that existed at the start. */
  readonly #there: PartList;

  private constructor(recorded: RecordedJob, there: PartList, options: StoredJobOptions) {
    this.job = recorded.job;
    this.folder = options.shown;
    this.chunkPath = options.chunkPath;
    this.#recorded = recorded;
    this.#output = options.output;
    this.#there = there;
  }

  static async open(recorded: RecordedJob, options: StoredJobOptions): Promise<StoredJob> {
    return new StoredJob(recorded, await new PartReader(recorded, options.output).list(), options);
  }

  get names(): FolderNames {
    return this.#recorded.names;
  }

  async lacksChunks(): Promise<boolean> {
    const { plan, of } = this.job;
    if (plan.kind !== 'object' || !plan.chunked) return false;
    for (let bundle = 0; bundle < of; bundle += 1) {
      const isThere = await isChunkThere(this.job, bundle, this.chunkPath(bundle));
      if (!isThere && (await this.committed(bundle)) === undefined) return true;
    }
    return false;
  }

  async committed(bundle: number): Promise<PartNote | undefined> {
    if (!this.#there.parts.has(bundle)) return undefined;
    const place = this.#place(bundle);
    const part = await readPart(place, this.#output);
    if (part !== undefined && !this.#there.errors.has(bundle)) await this.#placeErrors(place, part);
    return part?.note;
  }

  async stage(bundle: number): Promise<{ readonly part: StagedPart; readonly receives: number }> {
    const place = this.#place(bundle);
    const { store, bucket } = this.#output;
    const started = { bucket, key: `${place.staging}.started` };
    const answers = { bucket, key: `${place.staging}.answers` };
    const before = (await getText(store, started))?.text;
    const receives = Number(before ?? 0) + 1;
    await store.put(started, String(receives));
    const spool = await OutcomeSpool.open();
    let committing = false;
    const part: StagedPart = {
      write: (chunk) => spool.write(chunk),
      commit: async (summary) => {
        committing = true;
        const note = await this.#commit(place, spool, summary);
        await Promise.all([store.delete(started), store.delete(answers), rm(this.chunkPath(bundle), { force: true })]);
        return note;
      },
      answers: () => getBytes(store, answers),
      keepAnswers: async (bytes) => void (await store.put(answers, bytes)),
      [Symbol.asyncDispose]: async () => {
        await spool[Symbol.asyncDispose]();
        if (committing) return;
        const withdrawn = before === undefined ? store.delete(started) : store.put(started, before);
        // If the object stays, the next try runs in a separate process, which does no harm.
        await withdrawn.catch(() => {});
      },
    };
    return { part, receives };
  }

  async finish(end: JobEnd, notes: readonly PartNote[]): Promise<void> {
    const { store, bucket } = this.#output;
    const success = { bucket, key: successKey(this.#recorded.folder) };
    // Another run may have gone on where this one was stopped.
    if (end.status !== 'complete' && (await store.head(success)) !== undefined) return;
    const manifest = `${JSON.stringify(manifestOf(this.job, end, notes), undefined, 2)}\n`;
    await store.put({ bucket, key: manifestKey(this.#recorded) }, manifest, { contentType: 'application/json' });
    if (end.status === 'complete') await store.put(success, '', { only: 'absent' });
    if (end.status === 'complete' || end.status === 'limited') await this.#tidy();
  }

  async #commit(place: PartPlace, spool: OutcomeSpool, { models, elapsedMillis }: BundleSummary): Promise<PartNote> {
    const { part } = await commitPart(place, spool, { output: this.#output, models, elapsedMillis });
    await this.#placeErrors(place, part);
    return part.note;
  }

  async #placeErrors(place: PartPlace, part: CommittedPart): Promise<void> {
    if (part.note.errors !== undefined) await replaceErrors(place, part, this.#output);
  }

  /** Removes the errors that are in place: not every bucket has a rule by which staging expires. */
  async #tidy(): Promise<void> {
    const { store, bucket } = this.#output;
    const staged = await Array.fromAsync(store.list(bucket, `${stagingOf(this.job)}/part-`));
    const done = staged.filter(({ key }) => key.endsWith(STAGED_ERRORS) || key.endsWith('.started'));
    await inParallel(done, DELETES_AT_ONCE, ({ key }) => store.delete({ bucket, key }));
  }

  #place(bundle: number): PartPlace {
    return partPlace(this.#recorded, bundle);
  }
}
