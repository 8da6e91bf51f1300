import { FabricError } from '../../errors.ts';
import type { StoreOptions } from '../../stores/object-store.ts';
import { findJob, type RecordedJob } from '../job-record.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import type { JobName } from '../output-layout.ts';

/** A plan that lists where each bundle starts may have some MB. */
const MAX_JOBS = 16;

/** Recorded jobs, which never change: the bundles that a process takes are of few of them at a time. */
export class JobCache {
  readonly #output: OutputBucket;
  /** The one that was asked for last comes last. */
  readonly #jobs = new Map<string, RecordedJob>();

  constructor(output: OutputBucket) {
    this.#output = output;
  }

  /** @throws FabricError `JOB_NOT_FOUND` */
  async find(name: JobName, options: StoreOptions = {}): Promise<RecordedJob> {
    const { id } = name;
    const recorded = this.#jobs.get(id) ?? (await findJob(name, this.#output, options));
    if (recorded === undefined) {
      throw new FabricError('JOB_NOT_FOUND', `there is no record of job ${id} in ${this.#output.bucket}`, {
        disposition: 'retry',
      });
    }
    this.#jobs.delete(id);
    this.#jobs.set(id, recorded);
    const [oldest] = this.#jobs.keys();
    if (this.#jobs.size > MAX_JOBS && oldest !== undefined) this.#jobs.delete(oldest);
    return recorded;
  }
}
