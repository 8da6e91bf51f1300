import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { MAX_RECEIVES } from '../../../lib/config/delivery.ts';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { BundleProcessor, type BundleProcessorOptions } from '../../../lib/jobs/processing/bundle-processor.ts';
import type { ErrorsLine } from '../../../lib/jobs/commit/errors-line.ts';
import type { Deadline } from '../../../lib/jobs/fabric-ports.ts';
import { bundlesOf, type Job, jobId } from '../../../lib/jobs/job.ts';
import { type RecordedJob, recordJob } from '../../../lib/jobs/job-record.ts';
import { partPlace, type PartPlace } from '../../../lib/jobs/output-layout.ts';
import type { OutgoingMessage, ReceivedMessage } from '../../../lib/stores/message-queue.ts';
import type { ObjectStore } from '../../../lib/stores/object-store.ts';
import type { FabricCounter, Telemetry } from '../../../lib/telemetry/telemetry.ts';
import {
  deadlineOf,
  type MemoryObjectStore,
  memoryObjectStore,
  type MemoryQueue,
  memoryQueue,
} from '../memory-ports.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

export type Engine = BundleProcessorOptions['engine'];

/** A counting of what a processor tells. */
export interface TestTelemetry extends Telemetry {
  readonly counts: Readonly<Partial<Record<FabricCounter, number>>>;
  readonly warnings: readonly string[];
}

export function testTelemetry(): TestTelemetry {
  const counts: Partial<Record<FabricCounter, number>> = {};
  const warnings: string[] = [];
  return {
    counts,
    warnings,
    info() {},
    warn: (message) => void warnings.push(message),
    error() {},
    count: (name, amount) => void (counts[name] = (counts[name] ?? 0) + amount),
  };
}

/** A processor with its queues and its bucket `out`, and a clock that is put forward by hand. */
export interface Bench<Store extends ObjectStore> {
  readonly store: Store;
  readonly bundles: MemoryQueue;
  readonly deadLetters: MemoryQueue;
  readonly telemetry: TestTelemetry;
  readonly processor: BundleProcessor;
  readonly clock: { now: number };
  /** Another processor of the same queue. */
  readonly another: (engine?: Engine) => BundleProcessor;
  /** Sends a message and receives it. */
  readonly deliver: (message: object | string) => Promise<ReceivedMessage>;
  /** Receives the next message, however long it is hidden; undefined where there is none. */
  readonly next: () => Promise<ReceivedMessage | undefined>;
  /** Takes messages as a function's poller does, until there are none. */
  readonly drain: (processor?: BundleProcessor, deadlines?: () => Deadline) => Promise<readonly unknown[]>;
}

export interface BenchOptions<Store extends ObjectStore> extends Partial<BundleProcessorOptions> {
  readonly engine: Engine;
  readonly store: Store;
}

export const START = Date.UTC(2026, 10, 21, 12);

export function benchOf(engine: Engine, options: Partial<BundleProcessorOptions> = {}): Bench<MemoryObjectStore> {
  return benchOn({ store: memoryObjectStore(), engine, ...options });
}

export function benchOn<Store extends ObjectStore>({ store, engine, ...options }: BenchOptions<Store>): Bench<Store> {
  const clock = { now: START };
  const now = (): number => clock.now;
  const bundles = memoryQueue({ now });
  const deadLetters = memoryQueue({ now });
  const telemetry = testTelemetry();
  const another = (own: Engine = engine): BundleProcessor =>
    new BundleProcessor({
      output: { store, bucket: 'out' },
      telemetry,
      now,
      pipelineName: 'double',
      bundles,
      deadLetters,
      inputBuckets: ['in'],
      maxReceives: MAX_RECEIVES,
      ...options,
      engine: own,
    });
  const processor = another();
  const next = async (): Promise<ReceivedMessage | undefined> => {
    clock.now = Math.max(clock.now, bundles.nextVisibleAt ?? 0);
    return (await bundles.receive({ maxMessages: 1, waitSecs: 0 }))[0];
  };
  return {
    store,
    bundles,
    deadLetters,
    telemetry,
    processor,
    clock,
    another,
    next,
    async deliver(message) {
      await bundles.send([{ body: typeof message === 'string' ? message : JSON.stringify(message) }]);
      const received = await next();
      if (received === undefined) throw new Error('nothing was received');
      return received;
    },
    async drain(own = processor, deadlines = deadlineOf) {
      const errors: unknown[] = [];
      for (let message = await next(); message !== undefined; message = await next()) {
        try {
          await own.process(message, deadlines());
          await bundles.delete(message.receiptHandle);
        } catch (error) {
          errors.push(error);
        }
      }
      return errors;
    },
  };
}

/** A recorded job on a file of lines, one bundle unless `bundleBytes` says otherwise, and the message of each. */
export interface TestJob {
  readonly recorded: RecordedJob;
  readonly path: string;
  readonly messages: readonly object[];
  readonly place: (bundle?: number) => PartPlace;
}

export async function jobOf(
  store: ObjectStore,
  elements: readonly unknown[],
  { pipeline = 'double', name = 'numbers.jsonl', bundleBytes = 1024 * 1024 } = {},
): Promise<TestJob> {
  const path = join(await temporaryFolder(), 'numbers.jsonl');
  const text = elements.map((element) => `${JSON.stringify(element)}\n`).join('');
  await writeFile(path, text);
  const object = { kind: 'ranges', start: 0, byteLength: Buffer.byteLength(text), bundleBytes } as const;
  const plan = { kind: 'object', object, chunked: false } as const;
  const id = jobId([path, pipeline]);
  const of = bundlesOf(plan);
  const job: Job = { version: 1, id, pipeline, name, source: { uri: path }, of, plan, config: 'c' };
  const recorded = await recordJob(job, { store, bucket: 'out' });
  const messages = Array.from({ length: of }, (_, bundle) => ({
    version: 1,
    kind: 'bundle',
    pipeline,
    job: id,
    bundle,
    of,
    source: { bucket: 'in', key: `${pipeline}/${name}`, etag: 'e', format: 'jsonl', range: { start: 0, end: 1 } },
  }));
  return { recorded, path, messages, place: (bundle = 0) => partPlace(recorded, bundle) };
}

const configUrl = new URL('../fixtures/processor.config.ts', import.meta.url);

/** Engines that the tests of a file share. */
export function engines(): (pipeline: string) => Promise<InferenceEngine> {
  const started = new Map<string, Promise<InferenceEngine>>();
  afterAll(async () => {
    await Promise.all([...started.values()].map(async (engine) => (await engine)[Symbol.asyncDispose]()));
  });
  return (pipeline) => {
    const engine = started.get(pipeline) ?? InferenceEngine.start({ configUrl, pipeline, workers: 1 });
    started.set(pipeline, engine);
    return engine;
  };
}

export interface Line extends Partial<ErrorsLine> {
  readonly id: string;
  readonly prediction?: unknown;
}

export function linesIn(text: string | undefined): readonly Line[] {
  return (text ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}

export interface Letter extends ErrorsLine {
  readonly version: number;
  readonly pipeline: string;
  readonly job?: string;
}

export function lettersIn(sent: readonly OutgoingMessage[]): readonly Letter[] {
  return sent.map(({ body }) => JSON.parse(body) as Letter);
}
