import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { JobEvent } from '../../lib/jobs/fabric-ports.ts';
import type { JobStatus } from '../../lib/jobs/manifest.ts';
import { answerHead, answerKey, rejectedKey } from '../../lib/jobs/output-layout.ts';
import type { GroupedFailure } from '../../lib/jobs/report/failure-groups.ts';
import { looseId } from '../../lib/jobs/run/foreign-files.ts';

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
  /** False if some of the results could not be written to the folder. */
  readonly isWritten: boolean;
}

/** Results of objects that are one element each, of one pipeline. */
export interface AnsweredObjects {
  readonly pipeline: string;
  readonly succeeded: number;
  readonly failed: number;
}

/** Output of `fabric local --once --json`. */
export interface LocalSummary {
  readonly output: string;
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly jobs: readonly EndedJob[];
  readonly objects: readonly AnsweredObjects[];
  /** Number of objects that could not become a job. */
  readonly rejected: number;
}

/** A job that has ended, and its folder in the output bucket. */
interface NotedJob {
  readonly folder: string;
  readonly ended: EndedJob;
}

export interface LocalReportOptions {
  /** The results folder. */
  readonly output: string;
  /** Pipelines whose objects are one element each. */
  readonly objectPipelines: ReadonlySet<string>;
  /** True if answers are reported as they come, several together; false if only `flush` reports them. */
  readonly live: boolean;
  readonly onJob: (job: EndedJob) => void;
  /** Called with the objects that were answered since the last call. */
  readonly onObjects: (objects: AnsweredObjects) => void;
}

/** Answers that follow each other within this time are reported together. */
const TOGETHER_MILLIS = 1000;
/** Suffix of a job's folder if its object key had an earlier version. */
const OTHER_VERSION = /@[0-9a-f]{12}$/;

/** Collects the outcomes of the dropped files from the results as they come. */
export class LocalReport implements Disposable {
  readonly #options: LocalReportOptions;
  readonly #jobs = new Map<string, NotedJob>();
  /** The failure of each answered object, undefined if it succeeded, by the object key of its answer. */
  readonly #answers = new Map<string, GroupedFailure | undefined>();
  /** Answers that have not been reported. */
  #fresh = new Map<string, GroupedFailure | undefined>();
  readonly #rejected = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LocalReportOptions) {
    this.#options = options;
  }

  /** Jobs that have ended, by id, each with its folder in the output bucket. */
  get jobs(): ReadonlyMap<string, NotedJob> {
    return this.#jobs;
  }

  /** Failures of objects that are one element each. */
  get failures(): readonly GroupedFailure[] {
    return [...this.#answers.values()].filter((failure) => failure !== undefined);
  }

  /**
   * Records that a job has ended, and that its results are in the folder, except for those that can't be written. An
   * event that repeats an earlier one is ignored.
   */
  jobEnded(
    { pipeline, job, status, counts, manifest }: JobEvent,
    { isWritten }: { readonly isWritten: boolean },
  ): void {
    const folder = folderOf(manifest);
    const ended = { pipeline, job, status, ...counts, results: join(this.#options.output, folder), isWritten };
    this.#note(job, { folder, ended });
  }

  /** Records that the results of a job, which could not all be written before, are complete now. */
  recovered(folder: string): void {
    for (const [job, noted] of this.#jobs)
      if (noted.folder === folder) this.#note(job, { folder, ended: { ...noted.ended, isWritten: true } });
  }

  /** Records that an object of the output bucket was written to its file. */
  async mirrored(key: string, path: string): Promise<void> {
    if (key.startsWith('_rejected/')) this.#rejected.add(key);
    const name = this.#answeredName(key);
    if (name === undefined) return;
    const text = await readFile(path, 'utf8');
    // The results of a job have the same names, if an object is named `job` or `manifest`.
    if (!text.startsWith(answerHead(looseId(name)))) return;
    // The fabric wrote this file.
    const answer = JSON.parse(text) as GroupedFailure | (Partial<GroupedFailure> & { readonly error?: never });
    const failure = answer.error === undefined ? undefined : answer;
    this.#answers.set(key, failure);
    this.#fresh.set(key, failure);
    if (!this.#options.live) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), TOGETHER_MILLIS);
  }

  /** Returns the object keys that have no results, no answer and no rejection. */
  withoutResults(objectKeys: Iterable<string>): readonly string[] {
    const folders = [...this.#jobs.values()].map(({ folder }) => folder);
    const ended = new Set([...folders, ...folders.map((folder) => folder.replace(OTHER_VERSION, ''))]);
    return [...objectKeys].filter((key) => {
      const [pipeline = '', ...name] = key.split('/');
      const isAnswered = this.#answers.has(answerKey(pipeline, name.join('/')));
      return !ended.has(key) && !isAnswered && !this.#rejected.has(rejectedKey(key));
    });
  }

  /** Reports the objects that were answered since the last report. */
  flush(): void {
    clearTimeout(this.#timer);
    const fresh = this.#fresh;
    this.#fresh = new Map();
    for (const objects of countByPipeline(fresh)) this.#options.onObjects(objects);
  }

  summary(): LocalSummary {
    const jobs = [...this.#jobs.values()].map(({ ended }) => ended);
    const objects = countByPipeline(this.#answers);
    const all = [...jobs, ...objects];
    const succeeded = all.reduce((sum, part) => sum + part.succeeded, 0);
    const failed = all.reduce((sum, part) => sum + part.failed, 0);
    const { output } = this.#options;
    return { output, total: succeeded + failed, succeeded, failed, jobs, objects, rejected: this.#rejected.size };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #note(job: string, noted: NotedJob): void {
    const before = this.#jobs.get(job);
    this.#jobs.set(job, noted);
    if (JSON.stringify(before) !== JSON.stringify(noted)) this.#options.onJob(noted.ended);
  }

  /** Returns the name of the object that a key can be the answer to. */
  #answeredName(key: string): string | undefined {
    const [pipeline = '', ...name] = key.split('/');
    if (!this.#options.objectPipelines.has(pipeline) || name[0]?.startsWith('_') !== false) return undefined;
    return key.endsWith('.json') ? name.join('/').slice(0, -'.json'.length) : undefined;
  }
}

/** Returns a job's folder in the output bucket from the URI of its manifest. */
export function folderOf(manifest: string): string {
  return dirname(manifest.replace(/^s3:\/\/[^/]+\//, ''));
}

function countByPipeline(answers: ReadonlyMap<string, GroupedFailure | undefined>): readonly AnsweredObjects[] {
  const counts = new Map<string, AnsweredObjects>();
  for (const [key, failure] of answers) {
    const [pipeline = ''] = key.split('/');
    const { succeeded, failed } = counts.get(pipeline) ?? { succeeded: 0, failed: 0 };
    counts.set(pipeline, {
      pipeline,
      succeeded: succeeded + (failure === undefined ? 1 : 0),
      failed: failed + (failure === undefined ? 0 : 1),
    });
  }
  return [...counts.values()];
}
