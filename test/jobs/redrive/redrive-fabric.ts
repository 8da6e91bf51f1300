import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { BundleProcessor, type BundleProcessorOptions } from '../../../lib/jobs/processing/bundle-processor.ts';
import type { JobEvent } from '../../../lib/jobs/fabric-ports.ts';
import { Finalizer } from '../../../lib/jobs/finalizing/finalizer.ts';
import type { Job, JobPlan } from '../../../lib/jobs/job.ts';
import { type RecordedJob, recordJob } from '../../../lib/jobs/job-record.ts';
import type { Manifest } from '../../../lib/jobs/manifest.ts';
import { manifestKey, objectListKey } from '../../../lib/jobs/output-layout.ts';
import { redriveJob } from '../../../lib/jobs/redrive/redrive-job.ts';
import { bundleMessageOf } from '../../../lib/jobs/sending/send-bundles.ts';
import { getText, type ObjectStore } from '../../../lib/stores/object-store.ts';
import { SILENT } from '../../../lib/telemetry/telemetry.ts';
import { startTestAws } from '../../embedded-aws.ts';
import { deadlineOf, memoryQueue } from '../memory-ports.ts';
import { finalizeMessage, QUEUES, received } from '../stored-job.ts';

const INPUT = 'input';
export const OUTPUT = 'output';
const configUrl = new URL('../fixtures/redrive.config.ts', import.meta.url);

type Select = Parameters<typeof redriveJob>[1]['select'];

/** The processors and the finalizer of a fabric, on an embedded S3; queues are emptied by hand. */
export async function startFabric() {
  const aws = await startTestAws();
  const folder = await mkdtemp(join(tmpdir(), 'fabric-redrive-'));
  const brokenPath = join(folder, 'broken');
  process.env['FABRIC_TEST_BROKEN'] = brokenPath;
  await Promise.all([INPUT, OUTPUT].map((bucket) => aws.createBucket(bucket)));
  const engines = new Map<string, Promise<InferenceEngine>>();
  const engineOf = (pipeline: string): Promise<InferenceEngine> => {
    const engine = engines.get(pipeline) ?? InferenceEngine.start({ configUrl, pipeline, workers: 1 });
    engines.set(pipeline, engine);
    return engine;
  };
  const { store } = aws;
  return {
    aws,
    store,
    /** The names of errors that elements end with from now on. */
    breaks: (...names: readonly string[]) => writeFile(brokenPath, names.join(' ')),
    /** @param parts - format of the parts of its jobs. */
    open: async (pipeline: string, parts?: Job['parts']) =>
      new TestFabric({ store, pipeline, parts, engine: await engineOf(pipeline) }),
    async [Symbol.asyncDispose]() {
      for (const engine of engines.values()) await (await engine)[Symbol.asyncDispose]();
      await aws[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface TestFabricOptions {
  readonly store: ObjectStore;
  readonly pipeline: string;
  readonly parts: Job['parts'];
  readonly engine: InferenceEngine;
}

/** One pipeline of a fabric, with queues of a test's own. */
export class TestFabric {
  readonly store: ObjectStore;
  readonly pipeline: string;
  readonly bundles = memoryQueue();
  readonly deadLetters = memoryQueue();
  readonly finalizerQueue = memoryQueue();
  readonly events: JobEvent[] = [];
  readonly #parts: Job['parts'];
  readonly #engine: InferenceEngine;

  constructor({ store, pipeline, parts, engine }: TestFabricOptions) {
    this.store = store;
    this.pipeline = pipeline;
    this.#parts = parts;
    this.#engine = engine;
  }

  processor(options: Partial<BundleProcessorOptions> = {}): BundleProcessor {
    return new BundleProcessor({
      engine: this.#engine,
      pipelineName: this.pipeline,
      output: { store: this.store, bucket: OUTPUT },
      bundles: this.bundles,
      deadLetters: this.deadLetters,
      inputBuckets: [INPUT],
      maxReceives: 5,
      telemetry: SILENT,
      now: Date.now,
      ...options,
    });
  }

  /** Puts an object and records its job, to results in a folder of that name. */
  async job(name: string, text: string): Promise<RecordedJob> {
    const etag = await this.putInput(name, text);
    const object = { kind: 'ranges', start: 0, byteLength: Buffer.byteLength(text), bundleBytes: 100 } as const;
    const of = Math.ceil(object.byteLength / object.bundleBytes);
    return this.#record(name, { kind: 'object', object, chunked: false }, { of, etag });
  }

  /** Puts objects, a text each, and records the job of a list of them. */
  async listJob(name: string, texts: readonly string[]): Promise<RecordedJob> {
    const bundleElements = 3;
    const of = Math.ceil(texts.length / bundleElements);
    const keys = texts.map((_, index) => `${name}/${index}`);
    const etags = await Promise.all(texts.map((text, index) => this.putInput(`${name}/${index}`, text)));
    const plan = { kind: 'listed', count: texts.length, bundleElements } as const;
    const recorded = await this.#record(name, plan, { of, etag: 'list' });
    for (let bundle = 0; bundle < of; bundle += 1) {
      const objects = keys
        .map((key, index) => ({ bucket: INPUT, key: `${this.pipeline}/${key}`, etag: etags[index] }))
        .slice(bundle * bundleElements, (bundle + 1) * bundleElements);
      await this.store.put({ bucket: OUTPUT, key: objectListKey(recorded.job, bundle) }, JSON.stringify(objects));
    }
    return recorded;
  }

  async putInput(name: string, text: string): Promise<string> {
    return (await this.store.put({ bucket: INPUT, key: `${this.pipeline}/${name}` }, text))?.etag ?? '';
  }

  removeInput(name: string): Promise<void> {
    return this.store.delete({ bucket: INPUT, key: `${this.pipeline}/${name}` });
  }

  /** Runs bundles of a job, and ends it. */
  async run(recorded: RecordedJob, bundles = [...Array(recorded.job.of).keys()]): Promise<Manifest> {
    const output = { store: this.store, bucket: OUTPUT };
    await this.bundles.send(await Promise.all(bundles.map((bundle) => bundleMessageOf(recorded, bundle, output))));
    await this.processAll();
    const until = bundles.length < recorded.job.of ? 0 : Date.now() + 60_000;
    await this.#finalize(finalizeMessage(recorded.job, { until }));
    return this.manifest(recorded);
  }

  /** Has failures run again, and ends the job again. */
  async redrive(recorded: RecordedJob, select: Select = {}): Promise<Manifest> {
    await this.send(recorded, select);
    await this.processAll();
    await this.finalizeAll();
    return this.manifest(recorded);
  }

  send(recorded: RecordedJob, select: Select = {}): ReturnType<typeof redriveJob> {
    return redriveJob(recorded, {
      output: { store: this.store, bucket: OUTPUT },
      bundles: this.bundles,
      finalizer: this.finalizerQueue,
      queues: QUEUES,
      select,
      now: Date.now,
    });
  }

  /** Processes what waits in the queue, and gives the messages. */
  async processAll(processor = this.processor()): Promise<readonly string[]> {
    const bodies: string[] = [];
    for (;;) {
      const messages = await this.bundles.receive({ maxMessages: 1, waitSecs: 0 });
      if (messages.length === 0) return bodies;
      for (const message of messages) {
        await processor.process(message, deadlineOf());
        await this.bundles.delete(message.receiptHandle);
        bodies.push(message.body);
      }
    }
  }

  async finalizeAll(): Promise<void> {
    for (const { body } of this.finalizerQueue.sent.slice(-1)) await this.#finalize(body);
  }

  async text(key: string): Promise<string | undefined> {
    return (await getText(this.store, { bucket: OUTPUT, key }))?.text;
  }

  async manifest(recorded: RecordedJob): Promise<Manifest> {
    return JSON.parse((await this.text(manifestKey(recorded))) ?? 'null') as Manifest;
  }

  /** The contents of a job's parts, of results and errors, by their names. */
  async parts({ folder }: RecordedJob): Promise<Readonly<Record<string, string>>> {
    const parts: Record<string, string> = {};
    for await (const { key } of this.store.list(OUTPUT, `${folder}/`)) {
      if (/\/(?:part|errors)-[^/]*$/.test(key)) parts[key.slice(folder.length + 1)] = (await this.text(key)) ?? '';
    }
    return parts;
  }

  async #finalize(body: string): Promise<void> {
    const pipelines = { [this.pipeline]: { facts: {}, deadLetters: this.deadLetters } };
    const finalizer = new Finalizer({
      output: { store: this.store, bucket: OUTPUT },
      telemetry: SILENT,
      now: Date.now,
      queue: memoryQueue(),
      pipelines,
      notify: (event) => Promise.resolve(void this.events.push(event)),
    });
    await finalizer.process(received(body), deadlineOf());
  }

  #record(name: string, plan: JobPlan, { of, etag }: { readonly of: number; readonly etag: string }) {
    const job: Job = {
      version: 1,
      id: `${this.pipeline}-${name}`,
      pipeline: this.pipeline,
      name,
      source: { uri: `s3://${INPUT}/${this.pipeline}/${name}`, etag, format: 'jsonl' },
      of,
      plan,
      ...(this.#parts === undefined ? {} : { parts: this.#parts }),
      config: 'c1',
    };
    return recordJob(job, { store: this.store, bucket: OUTPUT }, { queues: QUEUES });
  }
}
