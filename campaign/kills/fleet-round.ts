import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { random as seeded } from '../../bench/random.ts';
import { messagesIn } from '../../cli/local/local-queues.ts';
import { openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { s3Event } from '../../test/jobs/intake/s3-event.ts';
import { add, type Counts } from '../counts.ts';
import { pick } from '../simulation/chance.ts';
import type { Expected } from '../simulation/drops.ts';
import { account, accountManifest, manifestOf, outcomesBelow, outcomesOfMessages } from '../simulation/ledger.ts';
import { hold, Violation } from '../violation.ts';
import { type FleetAws, startFleetAws, VISIBILITY_SECS } from './fleet-aws.ts';
import { ProcessSlot } from './process-slot.ts';

export interface RoundOptions {
  readonly kills: number;
  readonly seed: number;
  readonly counts: Counts;
  readonly signal: AbortSignal;
}

interface Sent {
  readonly jobs: { readonly key: string; readonly elements: readonly Expected[] }[];
  /** Elements of messages, by pipeline. */
  readonly streamed: Record<string, Expected[]>;
}

const CONFIG = new URL('./fleet.config.ts', import.meta.url);
const PIPELINES = ['lines', 'modelled', 'rows'] as const;
const JOB_ELEMENTS = 60;
const MESSAGE_ELEMENTS = 12;
/** Maximum life of a process that receives messages; some are killed while they start. */
const MAX_LIFE_MILLIS = 500;
const KILLED_IN_START = 0.15;
/** A round in which nothing ends for so long is stuck. */
const MAX_STANDSTILL_MILLIS = 180_000;
const LOOK_MILLIS = 200;
/** Enough receives for every message, because each kill costs one. The simulation has messages that fail all receives. */
const MAX_RECEIVES = '1000';

/**
 * Kills real processes: workers of two pipelines, and a process with intake and the finalizer. Files and messages come in
 * meanwhile, over a network that fails. Then it waits until all is done, and checks every outcome.
 */
export async function fleetRound({ kills, seed, counts, signal }: RoundOptions): Promise<void> {
  const random = seeded(seed);
  const folder = await mkdtemp(join(tmpdir(), 'fabric-campaign-'));
  await using aws = await startFleetAws(PIPELINES, random);
  const slots = startSlots(aws, folder);
  const sent: Sent = { jobs: [], streamed: {} };
  try {
    for (let kill = 0; kill < kills && !signal.aborted; kill += 1) {
      await sendSome(aws, sent, random);
      const slot = await victimOf(slots, random);
      await sleep(random() * MAX_LIFE_MILLIS);
      await slot.kill();
      add(counts.kills, slot.name);
    }
    aws.repair();
    await settled(aws, sent);
    await accountAll(aws, sent, counts);
    await Promise.all(slots.map((slot) => slot.stop(slot.name === 'control' ? 'SIGKILL' : 'SIGTERM')));
    const left = (await readdir(folder)).filter((name) => name.startsWith('fabric-'));
    hold(left.length === 0, 'process or file left', `temporary files stayed: ${left.join(', ')}`);
  } finally {
    for (const [name, count] of Object.entries(aws.faults)) add(counts.faults, name, count);
    await Promise.allSettled(slots.map((slot) => slot.stop('SIGKILL')));
    await rm(folder, { recursive: true, force: true });
  }
}

/** A process that takes messages, or now and then one that still starts. */
async function victimOf(slots: readonly [ProcessSlot, ...ProcessSlot[]], random: () => number): Promise<ProcessSlot> {
  if (random() < KILLED_IN_START) return pick(slots, random);
  await Promise.race(slots.map(({ ready }) => ready));
  const [first = slots[0], ...others] = slots.filter(({ isReady }) => isReady);
  return pick([first, ...others], random);
}

function startSlots({ queues, environment }: FleetAws, folder: string): readonly [ProcessSlot, ...ProcessSlot[]] {
  const worker = (pipeline: (typeof PIPELINES)[number]): ProcessSlot =>
    new ProcessSlot({
      name: `worker of ${pipeline}`,
      program: new URL('../../functions/gpu-worker/index.ts', import.meta.url),
      readyMessage: 'the worker is warm and processes bundles',
      environment: {
        ...environment,
        TMPDIR: folder,
        FABRIC_OUTPUT_BUCKET: 'output',
        FABRIC_INPUT_BUCKETS: '["input"]',
        FABRIC_QUEUES: JSON.stringify(queues.pipelines[pipeline]),
        FABRIC_PIPELINE: pipeline,
        FABRIC_CONFIG: CONFIG.pathname,
        FABRIC_MAX_RECEIVES: MAX_RECEIVES,
        FABRIC_WORKERS: '1',
        FABRIC_VISIBILITY_SECS: String(VISIBILITY_SECS),
      },
    });
  const control = new ProcessSlot({
    name: 'control',
    program: new URL('./control-process.ts', import.meta.url),
    readyMessage: 'ready',
    environment: {
      ...environment,
      TMPDIR: folder,
      FABRIC_MAX_RECEIVES: MAX_RECEIVES,
      CAMPAIGN_CONFIG: CONFIG.href,
      CAMPAIGN_QUEUES: JSON.stringify(queues),
    },
  });
  return [worker('lines'), worker('lines'), worker('modelled'), control];
}

/** Drops a file and sends a message; some events come twice. */
async function sendSome(
  { store, sqs, queues }: FleetAws,
  { jobs, streamed }: Sent,
  random: () => number,
): Promise<void> {
  const pipeline = random() < 0.7 ? 'lines' : 'modelled';
  const number = jobs.length;
  const name = `job-${number}.jsonl`;
  const lines = Array.from({ length: JOB_ELEMENTS }, (_, n) => `${JSON.stringify({ n: number + n })}\n`);
  const key = `${pipeline}/${name}`;
  const put = await store.put({ bucket: 'input', key }, lines.join(''));
  let position = 0;
  const elements = lines.map((line, index) => {
    const element = { id: `${name}#${position}`, position, n: number + index };
    position += line.length;
    return element;
  });
  jobs.push({ key, elements });
  const body = s3Event([{ bucket: 'input', key, etag: put?.etag ?? '', byteLength: position }]);
  await openSqsQueue(queues.intake, sqs).send(random() < 0.3 ? [{ body }, { body }] : [{ body }]);

  const given = Array.from({ length: MESSAGE_ELEMENTS }, (_, n) => ({
    id: `m${number}-${n}`,
    position: n,
    n: number + n,
  }));
  (streamed[pipeline] ??= []).push(...given);
  const message = {
    version: 1,
    kind: 'elements',
    pipeline,
    elements: given.map(({ id, n }) => ({ id, input: { n } })),
  };
  await openSqsQueue(queues.pipelines[pipeline]?.bundles ?? '', sqs).send([{ body: JSON.stringify(message) }]);
}

/** Waits until every job has ended and no queue has a message. @throws Violation */
async function settled({ store, sqs, queues }: FleetAws, { jobs }: Sent): Promise<void> {
  const urls = [queues.intake, queues.finalizer, ...Object.values(queues.pipelines).map(({ bundles }) => bundles)];
  const world = { calm: store, output: 'output' };
  let open = jobs;
  let messages = Infinity;
  let until = Infinity;
  while (performance.now() < until) {
    const manifests = await Promise.all(open.map(({ key }) => manifestOf(world, key)));
    const stillOpen = open.filter((_, index) => manifests[index] === undefined);
    const stillThere = await messagesIn(urls, sqs);
    if (stillOpen.length === 0 && stillThere === 0) return;
    // A slow machine takes its time; what counts is that something ends.
    if (stillOpen.length < open.length || stillThere < messages) until = performance.now() + MAX_STANDSTILL_MILLIS;
    open = stillOpen;
    messages = Math.min(messages, stillThere);
    await sleep(LOOK_MILLIS);
  }
  throw new Violation(
    open.length > 0 ? 'job that does not end' : 'message without an outcome',
    `${messages} messages, no end of ${open.map(({ key }) => key).join(', ')}, and no change in ${MAX_STANDSTILL_MILLIS / 1000} s`,
  );
}

async function accountAll({ store }: FleetAws, { jobs, streamed }: Sent, counts: Counts): Promise<void> {
  const world = { calm: store, output: 'output' };
  add(
    counts.elements,
    'inputs',
    jobs.flatMap(({ elements }) => elements).length + Object.values(streamed).flat().length,
  );
  for (const { key, elements } of jobs) {
    const outcomes = await outcomesBelow(world, key);
    add(counts.elements, 'failures', account(outcomes, elements, key));
    add(counts.elements, 'predictions', outcomes.predictions.length);
    await accountManifest(world, key, outcomes);
  }
  for (const [pipeline, elements] of Object.entries(streamed)) {
    const outcomes = await outcomesOfMessages(world, pipeline);
    add(counts.elements, 'failures', account(outcomes, elements, `messages of ${pipeline}`));
    add(counts.elements, 'predictions', outcomes.predictions.length);
  }
}
