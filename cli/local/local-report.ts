import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { JobEvent } from '../../lib/jobs/fabric-ports.ts';
import type { JobStatus } from '../../lib/jobs/manifest.ts';

/** A job that has ended. */
export interface EndedJob {
  readonly pipeline: string;
  readonly job: string;
  readonly status: JobStatus;
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** The folder of its results. */
  readonly results: string;
}

/** Objects of a pipeline that are one element each. */
export interface AnsweredObjects {
  readonly pipeline: string;
  readonly succeeded: number;
  readonly failed: number;
}

/** What `fabric local --once --json` prints. */
export interface LocalSummary {
  readonly output: string;
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly jobs: readonly EndedJob[];
  readonly objects: readonly AnsweredObjects[];
  /** Objects that made no job. */
  readonly rejected: number;
}

export interface LocalReportOptions {
  /** The results folder. */
  readonly output: string;
  /** The pipelines whose objects are one element each. */
  readonly objectPipelines: ReadonlySet<string>;
  /** Whether answers are told of as they come, some together, or by `flush` only. */
  readonly live: boolean;
  readonly onJob: (job: EndedJob) => void;
  /** Objects that were answered since the last call. */
  readonly onObjects: (objects: AnsweredObjects) => void;
}

/** Answers that come within so long of each other are told of together. */
const TOGETHER_MILLIS = 1000;

/** Gathers what became of what was dropped, from the results as they come. */
export class LocalReport implements Disposable {
  readonly #options: LocalReportOptions;
  readonly #jobs = new Map<string, EndedJob>();
  /** Whether each answered object succeeded, by the object key of its answer. */
  readonly #answers = new Map<string, boolean>();
  /** The answers that have not been told of. */
  #fresh = new Map<string, boolean>();
  #rejected = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LocalReportOptions) {
    this.#options = options;
  }

  /** A job has ended, and its results are in the folder. A second end that says the same is the first, told again. */
  jobEnded({ pipeline, job, status, counts, manifest }: JobEvent): void {
    const key = manifest.replace(/^s3:\/\/[^/]+\//, '');
    const ended = { pipeline, job, status, ...counts, results: dirname(join(this.#options.output, key)) };
    const before = this.#jobs.get(job);
    this.#jobs.set(job, ended);
    if (JSON.stringify(before) !== JSON.stringify(ended)) this.#options.onJob(ended);
  }

  /** An object of the output bucket is a file of the folder now. */
  async mirrored(key: string, path: string): Promise<void> {
    if (key.startsWith('_rejected/')) this.#rejected += 1;
    if (!this.#isAnswer(key)) return;
    const answer = JSON.parse(await readFile(path, 'utf8')) as { readonly error?: unknown };
    this.#answers.set(key, answer.error === undefined);
    this.#fresh.set(key, answer.error === undefined);
    if (!this.#options.live) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), TOGETHER_MILLIS);
  }

  /** Tells of the objects that were answered since it last did. */
  flush(): void {
    clearTimeout(this.#timer);
    const fresh = this.#fresh;
    this.#fresh = new Map();
    for (const objects of countByPipeline(fresh)) this.#options.onObjects(objects);
  }

  summary(): LocalSummary {
    const jobs = [...this.#jobs.values()];
    const objects = countByPipeline(this.#answers);
    const all = [...jobs, ...objects];
    const succeeded = all.reduce((sum, part) => sum + part.succeeded, 0);
    const failed = all.reduce((sum, part) => sum + part.failed, 0);
    const { output } = this.#options;
    return { output, total: succeeded + failed, succeeded, failed, jobs, objects, rejected: this.#rejected };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #isAnswer(key: string): boolean {
    const [pipeline = '', first = ''] = key.split('/');
    return (
      this.#options.objectPipelines.has(pipeline) &&
      !first.startsWith('_') &&
      key.endsWith('.json') &&
      !/\/(?:job|manifest)\.json$/.test(key)
    );
  }
}

function countByPipeline(answers: ReadonlyMap<string, boolean>): readonly AnsweredObjects[] {
  const counts = new Map<string, AnsweredObjects>();
  for (const [key, isPrediction] of answers) {
    const [pipeline = ''] = key.split('/');
    const { succeeded, failed } = counts.get(pipeline) ?? { succeeded: 0, failed: 0 };
    counts.set(pipeline, {
      pipeline,
      succeeded: succeeded + (isPrediction ? 1 : 0),
      failed: failed + (isPrediction ? 0 : 1),
    });
  }
  return [...counts.values()];
}

/** A path as short as it can be said from here. */
export function shown(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith('..') ? path : below || '.';
}
