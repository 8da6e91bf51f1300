import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { InferenceEngine } from '../../lib/inference/engine.ts';
import { findJob } from '../../lib/jobs/job-record.ts';
import type { Manifest } from '../../lib/jobs/manifest.ts';
import { redriveJob } from '../../lib/jobs/redrive/redrive-job.ts';
import { getText } from '../../lib/stores/object-store.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { s3Event } from '../jobs/intake/s3-event.ts';
import { type Fate, type FlakyProxy, startFlakyProxy } from '../stores/flaky-proxy.ts';
import { type Faults, OneDeath, RandomFaults } from './fault-injector.ts';
import { FaultyFabric, PIPELINE } from './faulty-fabric.ts';

const INPUT = 'faulty-input';
const OUTPUT = 'faulty-output';
const ELEMENTS = 36;
const FAULTS_A_JOB = 16;
const FAULT_RATE = 0.12;

/** Of the requests to S3, those that fail on the way: S3 slow, failing, or its answer lost or broken off. */
const NETWORK_FATES: readonly Fate[] = [
  { status: 503, code: 'SlowDown' },
  { status: 500, code: 'InternalError' },
  'lose the answer',
  { breakAfterBytes: 20 },
];
const NETWORK_FAULT_RATE = 0.03;

let aws: TestAws;
let proxy: FlakyProxy;
/** What the fabric reaches S3 through, as its engine does. */
let store: ReturnType<typeof openS3ObjectStore>;
let engine: InferenceEngine;
/** What happens to the requests of the test that runs. */
let network: () => Fate = () => 'pass';
/** Every fault of every test of this file, by what it was. */
const allFaults: Record<string, number> = {};

beforeAll(async () => {
  aws = await startTestAws();
  await Promise.all([aws.createBucket(INPUT), aws.createBucket(OUTPUT)]);
  proxy = await startFlakyProxy(aws.endpoint, () => network());
  store = openS3ObjectStore({ endpoint: proxy.endpoint, maxAttempts: 2 });
  vi.stubEnv('AWS_ENDPOINT_URL', proxy.endpoint);
  const configUrl = new URL('./fixtures/faults.config.ts', import.meta.url);
  engine = await InferenceEngine.start({ configUrl, pipeline: PIPELINE, workers: 2 });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  store[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
  await aws[Symbol.asyncDispose]();
});

/** Numbers in [0, 1) that are the same in every run (mulberry32, by Tommy Ettinger, public domain). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Dropped {
  readonly key: string;
  readonly etag: string;
  readonly byteLength: number;
  /** The ids that its elements have. */
  readonly ids: readonly string[];
}

async function drop(key: string, first = 0, count = ELEMENTS): Promise<Dropped> {
  const name = key.slice(PIPELINE.length + 1);
  const lines = Array.from({ length: count }, (_, index) => `${JSON.stringify({ n: first + index })}\n`);
  const ids: string[] = [];
  let offset = 0;
  for (const line of lines) {
    ids.push(`${name}#${offset}`);
    offset += line.length;
  }
  const put = await aws.store.put({ bucket: INPUT, key }, lines.join(''));
  return { key, etag: put?.etag ?? '', byteLength: offset, ids };
}

function eventOf({ key, etag, byteLength }: Dropped): { readonly body: string } {
  return { body: s3Event([{ bucket: INPUT, key, etag, byteLength }]) };
}

interface Line {
  readonly id: string;
  readonly prediction?: number;
  readonly stage?: string;
  readonly error?: { readonly name: string };
}

async function linesOf(key: string): Promise<readonly Line[]> {
  const { text = '' } = (await getText(aws.store, { bucket: OUTPUT, key })) ?? {};
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}

/** What is committed in a folder: its manifest, and every line of its parts. */
async function committed(folder: string) {
  const found = await getText(aws.store, { bucket: OUTPUT, key: `${folder}/manifest.json` });
  const manifest = JSON.parse(found?.text ?? 'null') as Manifest;
  const predictions: Line[] = [];
  const failures: Line[] = [];
  for await (const { key } of aws.store.list(OUTPUT, `${folder}/`)) {
    const name = key.slice(folder.length + 1);
    if (name.startsWith('part-')) predictions.push(...(await linesOf(key)));
    if (name.startsWith('errors/part-')) failures.push(...(await linesOf(key)));
  }
  return { manifest, predictions, failures };
}

/** Where an element starts, by its id. */
function offsetOf(id: string): number {
  return Number(id.split('#')[1]);
}

/** The elements that an outcome stands for: one, or those of the range whose source is gone. */
function idsOf({ id, error }: Line, ids: readonly string[]): readonly string[] {
  if (error?.name !== 'SourceGone') return [id];
  const [start = 0, end = 0] = (id.split('#')[1] ?? '').split('-').map(Number);
  return ids.filter((each) => offsetOf(each) >= start && offsetOf(each) < end);
}

async function expectAccounted(folder: string, ids: readonly string[]) {
  const { manifest, predictions, failures } = await committed(folder);
  const outcomes = [...predictions, ...failures].flatMap((line) => idsOf(line, ids));
  expect(outcomes.toSorted(), folder).toEqual([...ids].toSorted());
  expect(manifest).toMatchObject({
    status: 'complete',
    counts: {
      total: predictions.length + failures.length,
      succeeded: predictions.length,
      failed: failures.length,
    },
  });
  return { manifest, predictions, failures };
}

function newFabric(seed: number, budget = FAULTS_A_JOB): { readonly fabric: FaultyFabric; readonly faults: Faults } {
  const random = seeded(seed);
  const faults = new RandomFaults(random, FAULT_RATE, budget);
  network = () => {
    const fate = NETWORK_FATES[Math.floor(random() * NETWORK_FATES.length)] ?? 'pass';
    const name = typeof fate === 'string' ? fate : 'status' in fate ? fate.code : 'broken off';
    return faults.happens(`network ${name}`, NETWORK_FAULT_RATE) ? fate : 'pass';
  };
  return { fabric: fabricOf(faults, random), faults };
}

function fabricOf(faults: Faults, random: () => number): FaultyFabric {
  return new FaultyFabric({ store, engine, input: INPUT, output: OUTPUT, faults, random });
}

function noteFaults({ counts }: Faults): void {
  for (const [what, count] of Object.entries(counts)) allFaults[what] = (allFaults[what] ?? 0) + count;
}

/** Has what failed in one go run again, on a fabric without faults, until the manifest says so. */
async function redriveMissing(fabric: FaultyFabric, job: string): Promise<void> {
  const output = { store: aws.store, bucket: OUTPUT };
  const recorded = await findJob({ pipeline: PIPELINE, id: job }, output);
  if (recorded === undefined) throw new Error(`job ${job} is not recorded`);
  await redriveJob(recorded, {
    output,
    bundles: fabric.bundles,
    finalizer: fabric.finalizer,
    queues: { bundles: 'bundles', finalizer: 'finalizer' },
    select: { errorName: 'None' },
    now: Date.now,
  });
  await fabric.settle();
}

async function settleAll(fabric: FaultyFabric, folder: string): Promise<void> {
  const { manifest } = await committed(folder);
  if (manifest?.status === 'incomplete') await redriveMissing(fabric, manifest.job);
}

describe('the fabric', () => {
  const SEEDS = Array.from({ length: 10 }, (_, index) => index + 1);

  test.each(SEEDS)('accounts for every element of a job once, whatever fails (seed %i)', async (seed) => {
    const dropped = await drop(`${PIPELINE}/plain-${seed}.jsonl`);
    const { fabric, faults } = newFabric(seed);
    // Events are delivered at least once.
    await fabric.intake.send([eventOf(dropped), eventOf(dropped)]);
    await fabric.settle();
    noteFaults(faults);
    await settleAll(fabric, dropped.key);

    const { predictions, failures } = await expectAccounted(dropped.key, dropped.ids);
    expect(failures.map(({ stage }) => stage)).toEqual(failures.map(() => 'map'));
    for (const { id, prediction } of predictions) expect(prediction).toBe(2 * dropped.ids.indexOf(id));
    const lettered = new Set(fabric.letters.sent.map(({ body }) => (JSON.parse(body) as Line).id));
    expect([...lettered].toSorted()).toEqual(failures.map(({ id }) => id).toSorted());
    expect(fabric.events.at(-1)).toMatchObject({ status: 'complete', counts: { total: ELEMENTS } });
  });

  test.each([101, 102])('answers ranges whose object was deleted by one failure each (seed %i)', async (seed) => {
    const dropped = await drop(`${PIPELINE}/deleted-${seed}.jsonl`);
    const { fabric, faults } = newFabric(seed);
    await fabric.intake.send([eventOf(dropped)]);
    await fabric.settle(async (steps) => {
      if (steps === 2) await aws.store.delete({ bucket: INPUT, key: dropped.key });
    });
    noteFaults(faults);
    const { manifest } = await committed(dropped.key);
    // Gone before it was planned, it makes no job.
    if (manifest === null) {
      expect(await getText(aws.store, { bucket: OUTPUT, key: `_rejected/${dropped.key}.json` })).toBeDefined();
      return;
    }
    await settleAll(fabric, dropped.key);
    await expectAccounted(dropped.key, dropped.ids);
  });

  test.each([201])('keeps an object and the one that overwrites it apart (seed %i)', async (seed) => {
    const key = `${PIPELINE}/overwritten-${seed}.jsonl`;
    const first = await drop(key);
    const { fabric, faults } = newFabric(seed);
    await fabric.intake.send([eventOf(first)]);
    let second: Dropped | undefined;
    await fabric.settle(async (steps) => {
      if (steps !== 3) return;
      second = await drop(key, 1000);
      // Out of order: the older event comes again behind the newer one.
      await fabric.intake.send([eventOf(second), eventOf(first)]);
    });
    noteFaults(faults);

    const folders = new Set<string>();
    for await (const object of aws.store.list(OUTPUT, key)) {
      if (object.key.endsWith('/job.json')) folders.add(object.key.slice(0, -'/job.json'.length));
    }
    expect(folders.size).toBeGreaterThan(0);
    for (const folder of folders) {
      await settleAll(fabric, folder);
      const job = JSON.parse((await getText(aws.store, { bucket: OUTPUT, key: `${folder}/job.json` }))?.text ?? '');
      const ids = job.source.etag === second?.etag ? second?.ids : first.ids;
      await expectAccounted(folder, ids ?? []);
    }
    const { etag } = second ?? first;
    const jobs = await Promise.all(
      [...folders].map(
        async (folder) => (await getText(aws.store, { bucket: OUTPUT, key: `${folder}/job.json` }))?.text,
      ),
    );
    expect(jobs.some((text) => text?.includes(etag))).toBe(true);
  });

  test.each([301])('redrives while bundles are delivered again (seed %i)', async (seed) => {
    const dropped = await drop(`${PIPELINE}/redriven-${seed}.jsonl`);
    const calm = newFabric(seed, 0).fabric;
    await calm.intake.send([eventOf(dropped)]);
    await calm.settle();
    const { manifest } = await expectAccounted(dropped.key, dropped.ids);

    const { fabric, faults } = newFabric(seed);
    const output = { store: aws.store, bucket: OUTPUT };
    const recorded = await findJob({ pipeline: PIPELINE, id: manifest.job }, output);
    if (recorded === undefined) throw new Error('the job is not recorded');
    const queues = { bundles: 'bundles', finalizer: 'finalizer' };
    const ports = { output, bundles: fabric.bundles, finalizer: fabric.finalizer, queues, now: Date.now };
    await redriveJob(recorded, { ...ports, select: {} });
    // The first messages come again, and somebody asks twice.
    await fabric.intake.send([eventOf(dropped)]);
    await redriveJob(recorded, { ...ports, select: { stage: 'map' } });
    await fabric.settle();
    noteFaults(faults);
    // They fail again, and stand there once.
    const { failures } = await expectAccounted(dropped.key, dropped.ids);
    expect(failures).toHaveLength(dropped.ids.filter((_, n) => n % 7 === 3).length);
  });

  describe('whose processor is killed', () => {
    /** More calls than it takes to process a bundle: the last of them kill nobody. */
    const CALLS = Array.from({ length: 12 }, (_, call) => call);

    // To die after a call is to die before the next one.
    test.each(CALLS)('before its call number %i loses and doubles nothing', async (call) => {
      network = () => 'pass';
      const dropped = await drop(`${PIPELINE}/killed-${call}.jsonl`, 0, 4);
      const faults = new OneDeath('processor', call);
      const fabric = fabricOf(faults, () => 0);
      await fabric.intake.send([eventOf(dropped)]);
      await fabric.settle();
      noteFaults(faults);
      await expectAccounted(dropped.key, dropped.ids);
    });
  });

  test('has been through at least 200 faults here, of every kind', () => {
    const total = Object.values(allFaults).reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThanOrEqual(200);
    const kinds = Object.keys(allFaults).join('\n');
    for (const operation of ['head', 'get', 'put', 'copy', 'send', 'changeVisibility']) {
      expect(kinds).toContain(`${operation} killed-before`);
    }
    for (const kind of ['killed-after', 'refused', 'answer-lost', 'network', 'deadline', 'delivered twice']) {
      expect(kinds).toContain(kind);
    }
  });
});
