import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll } from 'vitest';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { findInputs } from '../../../lib/jobs/run/find-inputs.ts';
import { folderOutput } from '../../../lib/jobs/run/folder-output.ts';
import type { Manifest } from '../../../lib/jobs/manifest.ts';
import { type ExistingResults, openJobFolders, refuseExisting } from '../../../lib/jobs/run/open-job-folders.ts';
import type { RejectedInput } from '../../../lib/jobs/run/reject-input.ts';
import { type JobResult, runJobs, type RunJobsOptions } from '../../../lib/jobs/run/run-jobs.ts';
import type { RunOutput } from '../../../lib/jobs/run/run-output.ts';
import { type LooseResult, runLooseElements } from '../../../lib/jobs/run/run-loose-elements.ts';

const configUrl = new URL('../fixtures/jobs.config.ts', import.meta.url);

/** Lines of `{"n":1}` up to `count`, those at `bad` such that they fail. */
export function numbers(count: number, bad: readonly number[] = []): string {
  const failing = new Set(bad);
  const line = (n: number): string => JSON.stringify(failing.has(n) ? { n, bad: true } : { n });
  return Array.from({ length: count }, (_, index) => `${line(index)}\n`).join('');
}

export interface RunInputsOptions extends Pick<RunJobsOptions, 'onPart' | 'onJob' | 'onOutcomes'> {
  /** A folder, or an open output, which is closed at the end. */
  readonly output: string | RunOutput;
  readonly existing?: ExistingResults;
  readonly limit?: number;
  readonly signal?: AbortSignal;
  readonly onGrouping?: (name: string, share: number) => void;
  readonly onNotice?: (message: string) => void;
  /** Runs as if the pipeline of this name had the configuration of the engine's. */
  readonly as?: string;
}

export interface InputsRun {
  readonly jobs: readonly JobResult[];
  readonly loose: readonly LooseResult[];
  readonly rejected: readonly RejectedInput[];
}

export type InputRunner = (pipeline: string, args: readonly string[], options: RunInputsOptions) => Promise<InputsRun>;

/** Runs inputs as `fabric run` does, on engines that the tests of a file share. */
export function inputRunner(): InputRunner {
  const engines = new Map<string, Promise<InferenceEngine>>();
  afterAll(async () => {
    await Promise.all([...engines.values()].map(async (engine) => (await engine)[Symbol.asyncDispose]()));
  });
  return async (
    name,
    args,
    { existing = 'refuse', as = name, limit, signal, output, onGrouping, onNotice, ...progress },
  ) => {
    const started = engines.get(name) ?? InferenceEngine.start({ configUrl, pipeline: name, workers: 1 });
    engines.set(name, started);
    const engine = await started;
    const { pipeline } = engine;
    const own = signal ?? new AbortController().signal;
    await using opened = typeof output === 'string' ? folderOutput(output) : output;
    const common = { output: opened, pipeline, pipelineName: as, existing, limit, signal: own };
    const told = {
      ...(onGrouping === undefined ? {} : { onGrouping }),
      ...(onNotice === undefined ? {} : { onNotice }),
    };
    const options = { ...common, ...told };
    const inputs = await findInputs(args, pipeline.input.format);
    await refuseExisting(inputs, options);
    const jobs: JobResult[] = [];
    const loose: LooseResult[] = [];
    const rejected: RejectedInput[] = [];
    const onRejected = (input: RejectedInput): void => void rejected.push(input);
    for await (const result of runJobs(openJobFolders(inputs, { ...options, onRejected }), engine, {
      signal: own,
      ...progress,
    }))
      jobs.push(result);
    const elements = inputs.filter(({ kind }) => kind === 'element');
    for await (const result of runLooseElements(elements, engine, options)) loose.push(result);
    return { jobs, loose, rejected };
  };
}

/** The files below a folder by their paths there, in order. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** The contents of the files below a folder; of a manifest all but how long it took. */
export async function contentsBelow(folder: string): Promise<Readonly<Record<string, string>>> {
  const contents: Record<string, string> = {};
  for (const path of await filesBelow(folder)) {
    const text = await readFile(join(folder, path), 'utf8');
    contents[path] = path.endsWith('manifest.json') ? withoutTimes(text) : text;
  }
  return contents;
}

/** What tells that a file is still the very same: its inode and its modification time. */
export async function identityOf(path: string): Promise<readonly bigint[]> {
  const { ino, mtimeNs } = await stat(path, { bigint: true });
  return [ino, mtimeNs];
}

/** Returns a manifest without what differs from run to run. */
function withoutTimes(text: string): string {
  return text.replace(/"bundleMillis": \d+/, '').replace(/\n {2}"measures": \{.*?\n {2}\},/s, '');
}

export async function manifestIn(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, '_manifest.json'), 'utf8')) as Manifest;
}
