import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { sendBundles } from '../../../lib/jobs/sending/send-bundles.ts';
import { bundlesOf, type Job, jobId } from '../../../lib/jobs/job.ts';
import { type RecordedJob, recordJob } from '../../../lib/jobs/job-record.ts';
import { partPlace } from '../../../lib/jobs/output-layout.ts';
import { getText, type ObjectStore } from '../../../lib/stores/object-store.ts';
import type { MessageQueue } from '../../../lib/stores/message-queue.ts';
import { startTestAws, type TestAws } from '../../embedded-aws.ts';

const program = fileURLToPath(new URL('../../../dist/functions/gpu-worker/index.js', import.meta.url));
const config = fileURLToPath(new URL('./fixtures/worker.config.ts', import.meta.url));

const BUILT: Program = { args: [program] };

type Queue = MessageQueue & { readonly url: string };

/** S3 and SQS, to which this process's environment points. */
export interface BenchAws {
  readonly store: ObjectStore;
  createBucket(name: string): Promise<void>;
  createQueue(name: string, attributes?: Readonly<Record<string, string>>): Promise<Queue>;
}

/** What a pipeline's workers need. */
export interface WorkerBench<Aws extends BenchAws = TestAws> {
  readonly aws: Aws;
  readonly bundles: Queue;
  readonly deadLetters: Queue;
  readonly start: (pipeline: string, env?: Readonly<Record<string, string>>, program?: Program) => WorkerProcess;
}

/** What Node runs, and where. */
export interface Program {
  readonly args: readonly string[];
  readonly cwd?: string;
}

/** A worker as a process of its own. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly status: number | null; readonly signal: NodeJS.Signals | null }>;
  /** What it has logged, a line each, as far as it was JSON. */
  readonly lines: readonly LogLine[];
  /** Resolves to the first line with this message. @throws where it ends without */
  logged(message: string): Promise<LogLine>;
}

export type LogLine = Readonly<Record<string, unknown>>;

/** On the embedded emulator, until the test has ended. */
export async function workerBench(): Promise<WorkerBench> {
  const aws = await startTestAws();
  onTestFinished(() => aws[Symbol.asyncDispose]());
  return benchOn(aws);
}

export async function benchOn<Aws extends BenchAws>(aws: Aws): Promise<WorkerBench<Aws>> {
  for (const bucket of ['input', 'output']) await aws.createBucket(bucket);
  // As deployed: longer than any bundle takes. Workers hide what they receive for less.
  const bundles = await aws.createQueue('bundles', { VisibilityTimeout: '43200' });
  const deadLetters = await aws.createQueue('dead-letters');
  const queues = JSON.stringify({ bundles: bundles.url, deadLetters: deadLetters.url });
  return {
    aws,
    bundles,
    deadLetters,
    start: (pipeline, env = {}, program = BUILT) =>
      startWorker(program, {
        FABRIC_OUTPUT_BUCKET: 'output',
        FABRIC_INPUT_BUCKETS: '["input"]',
        FABRIC_QUEUES: queues,
        FABRIC_PIPELINE: pipeline,
        FABRIC_CONFIG: config,
        FABRIC_MAX_RECEIVES: '5',
        // Threads take time to start.
        FABRIC_WORKERS: '1',
        ...env,
      }),
  };
}

function startWorker({ args, cwd }: Program, env: Readonly<Record<string, string>>): WorkerProcess {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: LogLine[] = [];
  const waiting = new Set<(line: LogLine) => void>();
  for (const input of [child.stdout, child.stderr])
    createInterface({ input }).on('line', (text) => {
      if (!text.startsWith('{')) return;
      // Powertools' own lines.
      const line = JSON.parse(text) as LogLine;
      lines.push(line);
      for (const tell of waiting) tell(line);
    });
  const ended = once(child, 'close').then(([status, signal]: unknown[]) => ({
    // As node:child_process documents the event.
    status: status as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const logged = (message: string): Promise<LogLine> => {
    const found = lines.find((line) => line['message'] === message);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const tell = (line: LogLine): void => {
        if (line['message'] !== message) return;
        waiting.delete(tell);
        resolve(line);
      };
      waiting.add(tell);
      void ended.then(({ status }) => reject(new Error(`the worker ended with ${status} and no '${message}'`)));
    });
  };
  return { child, ended, lines, logged };
}

export interface SentJob {
  readonly recorded: RecordedJob;
  /** The lines of a bundle's part; undefined where it is not committed. */
  part(bundle: number): Promise<readonly { readonly id: string; readonly prediction: unknown }[] | undefined>;
}

/** Puts an object of lines that are all as long, records its job, and sends its bundles, of so many lines each. */
export async function sendJob(
  { aws, bundles }: Pick<WorkerBench<BenchAws>, 'aws' | 'bundles'>,
  pipeline: string,
  { lines, linesPerBundle }: { readonly lines: readonly string[]; readonly linesPerBundle: number },
): Promise<SentJob> {
  const length = Math.max(...lines.map((line) => line.length));
  const text = lines.map((line) => `${line.padEnd(length)}\n`).join('');
  const output = { store: aws.store, bucket: 'output' };
  const put = await aws.store.put({ bucket: 'input', key: `${pipeline}/a.jsonl` }, text);
  const bundleBytes = (length + 1) * linesPerBundle;
  const object = { kind: 'ranges', start: 0, byteLength: text.length, bundleBytes } as const;
  const plan = { kind: 'object', object, chunked: false } as const;
  const source = { uri: `s3://input/${pipeline}/a.jsonl`, etag: put?.etag ?? '', format: 'jsonl' } as const;
  const job: Job = {
    version: 1,
    id: jobId([pipeline]),
    pipeline,
    name: 'a.jsonl',
    source,
    of: bundlesOf(plan),
    plan,
    config: 'c',
  };
  const recorded = await recordJob(job, output);
  await sendBundles(recorded, { queue: bundles, output, deadline: { signal: new AbortController().signal } });
  return {
    recorded,
    async part(bundle) {
      const place = partPlace(recorded, bundle);
      const found = await getText(aws.store, { bucket: 'output', key: place.part });
      return found?.text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as { readonly id: string; readonly prediction: unknown });
    },
  };
}

/** Resolves when so many parts of results have been written from now on. */
export function partsWritten(aws: TestAws, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let written = 0;
  const end = aws.onWritten(({ key }) => {
    if (!/^[^/.]+\/[^/]+\/part-/.test(key)) return;
    written += 1;
    if (written < count) return;
    end();
    resolve();
  });
  return promise;
}
