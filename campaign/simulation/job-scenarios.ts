import { MAX_RECEIVES } from '../../lib/config/delivery.ts';
import { below, pick } from './chance.ts';
import { redriveJob } from '../../lib/jobs/redrive/redrive-job.ts';
import { add } from '../counts.ts';
import { hold, Violation } from '../violation.ts';
import { isUnlucky } from './doubles.ts';
import { type Dropped, drop, eventOf } from './drops.ts';
import { Deaths, type Faults, NO_FAULTS } from './fault-injector.ts';
import type { FaultyFabric } from './faulty-fabric.ts';
import { accountLetters, accountManifest, manifestOf, outcomesBelow, textOf } from './ledger.ts';
import { isRejected, jobFolders, recordedJob, redrivePorts, settleJob } from './operator.ts';
import { accountFor, newFabric, noteFaults, randomFaults, type Run, type Scenario } from './scenario.ts';
import type { World } from './world.ts';

const PIPELINES = ['lines', 'rows', 'array'] as const;
const COMPRESSIONS = [undefined, 'gz', 'zst'] as const;
const MAX_ELEMENTS = 36;
/** Rounds of messages within which something else happens to a job. */
const FIRST_STEPS = 8;
/** More calls than a bundle needs: the last of them kill no process. */
const MAX_CALLS = 16;
/** Part of the explanation for an object that could not be planned in three runs with enough time. */
const TOO_SLOW = 'could not be read in the time';

function dropSome(world: World, name: string, count = 1 + below(MAX_ELEMENTS, world.random)): Promise<Dropped> {
  const { random } = world;
  const pipeline = pick(PIPELINES, random);
  const suffix = { lines: 'jsonl', rows: 'csv', array: 'json' }[pipeline];
  return drop(world, { pipeline, name: `${name}.${suffix}`, count, compression: pick(COMPRESSIONS, random) });
}

function pipelineOf({ key }: Dropped): string {
  return key.split('/')[0] ?? '';
}

/** Checks a job when everything has come to rest. */
async function accountJob(run: Run, fabric: FaultyFabric, dropped: Dropped, startedAt: number): Promise<void> {
  const { world } = run;
  const letters = await settleJob(world, fabric, dropped.key, startedAt);
  if ((await manifestOf(world, dropped.key)) === undefined && (await isTooSlow(world, dropped.key))) {
    add(run.counts.elements, 'objects rejected with an explanation');
    return;
  }
  const outcomes = await outcomesBelow(world, dropped.key);
  accountFor(run, outcomes, dropped.elements, { where: dropped.key });
  await accountManifest(world, dropped.key, outcomes);
  accountLetters(letters, outcomes.failures);
  const ended = fabric.events.at(-1);
  const isTold = ended === undefined || ended.counts.total === dropped.elements.length || ended.status !== 'complete';
  hold(isTold, 'wrong manifest', `${dropped.key}: its event has ${JSON.stringify(ended?.counts)}`);
}

async function isTooSlow({ calm, output }: World, key: string): Promise<boolean> {
  return (await textOf(calm, output, `_rejected/${key}.json`))?.includes(TOO_SLOW) === true;
}

/** One object whose events are repeated and late, under random faults. */
export const plainJob: Scenario = async (run) => {
  const { world } = run;
  const { random, clock } = world;
  const dropped = await dropSome(world, 'plain');
  const faults = randomFaults(world);
  const fabric = newFabric(world, pipelineOf(dropped), faults);
  const startedAt = clock.now();
  const event = eventOf(world, dropped);
  const again = below(FIRST_STEPS, random);
  await fabric.queues.intake.send(random() < 0.5 ? [event] : [event, event]);
  await fabric.settle(async (steps) => {
    if (steps === again) await fabric.queues.intake.send([event]);
  });
  // An event can come after the job has ended.
  if (random() < 0.3) {
    await fabric.queues.intake.send([event]);
    await fabric.settle();
  }
  noteFaults(run, faults);
  await accountJob(run, fabric, dropped, startedAt);
};

/** An object that is deleted while its job is planned or processed. */
export const deletedObject: Scenario = async (run) => {
  const { world } = run;
  const { random, calm, input, clock } = world;
  const dropped = await dropSome(world, 'deleted');
  const faults = randomFaults(world);
  const fabric = newFabric(world, pipelineOf(dropped), faults);
  const startedAt = clock.now();
  await fabric.queues.intake.send([eventOf(world, dropped)]);
  const gone = below(FIRST_STEPS, random);
  const version = dropped.versionId === undefined ? {} : { versionId: dropped.versionId };
  await fabric.settle(async (steps) => {
    if (steps === gone) await calm.delete({ bucket: input, key: dropped.key, ...version });
  });
  noteFaults(run, faults);
  const letters = await settleJob(world, fabric, dropped.key, startedAt);
  // Gone before it was planned, it makes no job.
  if ((await manifestOf(world, dropped.key)) === undefined) {
    if (await isRejected(world, dropped.key)) return add(run.counts.elements, 'objects rejected with an explanation');
    throw new Violation('message without an outcome', `${dropped.key}: neither a job nor an explanation`);
  }
  const outcomes = await outcomesBelow(world, dropped.key);
  accountFor(run, outcomes, dropped.elements, { where: dropped.key, mayBeGone: true });
  await accountManifest(world, dropped.key, outcomes);
  accountLetters(letters, outcomes.failures);
};

type FolderOfJob = Awaited<ReturnType<typeof jobFolders>>[number];

function isOf({ etag, versionId }: Dropped, job: FolderOfJob): boolean {
  return job.etag === etag && job.versionId === versionId;
}

/** An object that is overwritten while its job runs; events come out of order. */
export const overwrittenObject: Scenario = async (run) => {
  const { world } = run;
  const { random, clock } = world;
  const options = { pipeline: 'lines', name: 'overwritten.jsonl', count: MAX_ELEMENTS };
  const first = await drop(world, options);
  const faults = randomFaults(world);
  const fabric = newFabric(world, 'lines', faults);
  const startedAt = clock.now();
  await fabric.queues.intake.send([eventOf(world, first)]);
  let second: Dropped | undefined;
  const again = below(FIRST_STEPS, random);
  await fabric.settle(async (steps) => {
    if (steps !== again) return;
    second = await drop(world, { ...options, first: 1000 });
    await fabric.queues.intake.send([eventOf(world, second), eventOf(world, first)]);
  });
  noteFaults(run, faults);
  const latest = second ?? first;
  await settleJob(world, fabric, first.key, startedAt);
  const jobs = await jobFolders(world, first.key);
  hold(
    jobs.some((job) => isOf(latest, job)),
    'lost element',
    `${first.key}: its latest version has no job`,
  );
  for (const job of jobs) {
    await settleJob(world, fabric, job.folder, startedAt);
    const outcomes = await outcomesBelow(world, job.folder);
    const { elements } = isOf(latest, job) ? latest : first;
    accountFor(run, outcomes, elements, { where: job.folder, mayBeGone: true });
    await accountManifest(world, job.folder, outcomes);
  }
};

/** A job that is redriven, twice, while its first messages are delivered again. */
export const redrivenJob: Scenario = async (run) => {
  const { world } = run;
  const { clock } = world;
  const dropped = await dropSome(world, 'redriven', MAX_ELEMENTS);
  const before = newFabric(world, pipelineOf(dropped), NO_FAULTS);
  const startedAt = clock.now();
  await before.queues.intake.send([eventOf(world, dropped)]);
  await before.settle();
  const { job } = await accountManifest(world, dropped.key, await outcomesBelow(world, dropped.key));

  const faults = randomFaults(world);
  const fabric = newFabric(world, pipelineOf(dropped), faults);
  const recorded = await recordedJob(world, { pipeline: pipelineOf(dropped), id: job });
  await redriveJob(recorded, { ...redrivePorts(world, fabric), select: {} });
  await fabric.queues.intake.send([eventOf(world, dropped)]);
  await redriveJob(recorded, { ...redrivePorts(world, fabric), select: { stage: 'map' } });
  await fabric.settle();
  noteFaults(run, faults);
  await settleJob(world, fabric, dropped.key, startedAt);
  // They fail again, each with one line.
  const outcomes = await outcomesBelow(world, dropped.key);
  accountFor(run, outcomes, dropped.elements, { where: dropped.key });
  await accountManifest(world, dropped.key, outcomes);
  const failed = outcomes.failures.length;
  hold(failed === dropped.elements.filter(({ n }) => isUnlucky(n)).length, 'wrong failure', `${failed} failed`);
};

/** Processes of one kind that die before the same call, once or at each receive. */
export const deaths: Scenario = async (run) => {
  const { random } = run.world;
  const victim = pick(['processor', 'processor', 'intake', 'finalizer'] as const, random);
  const deaths = pick([1, 1, MAX_RECEIVES], random);
  // A process that dies at its last receive before it has done anything leaves no note: its job is open for three days.
  const first = deaths === MAX_RECEIVES ? 1 : 0;
  await jobWithFaults(run, new Deaths({ victim, call: first + below(MAX_CALLS, random), deaths }));
};

/** A small job under given faults, and nothing else. */
export async function jobWithFaults(run: Run, faults: Faults): Promise<void> {
  const { world } = run;
  const dropped = await dropSome(world, 'killed', 8);
  const fabric = newFabric(world, pipelineOf(dropped), faults);
  const startedAt = world.clock.now();
  await fabric.queues.intake.send([eventOf(world, dropped)]);
  await fabric.settle();
  noteFaults(run, faults);
  await accountJob(run, fabric, dropped, startedAt);
}
