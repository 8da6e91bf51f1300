import { below, shuffled } from './chance.ts';
import { type Dropped, drop, eventOf, type Expected, put } from './drops.ts';
import { NO_FAULTS } from './fault-injector.ts';
import { FaultyFabric } from './faulty-fabric.ts';
import { accountManifest, byOutcome, type Line, linesOf, outcomesBelow, textOf } from './ledger.ts';
import { settleJob } from './operator.ts';
import { accountFor, newFabric, noteFaults, randomFaults, type Scenario } from './scenario.ts';
import type { World } from './world.ts';

const MAX_OBJECTS = 10;
const PIPELINE = 'objects';

async function dropObjects(world: World): Promise<readonly (readonly [Dropped, ...Dropped[]])[]> {
  const { random } = world;
  const objects: [Dropped, ...Dropped[]][] = [];
  const count = 1 + below(MAX_OBJECTS, random);
  for (let index = 0; index < count; index += 1) {
    const options = { pipeline: PIPELINE, name: `o-${index}.bin`, count: 1 };
    const versions: [Dropped, ...Dropped[]] = [await drop(world, { ...options, first: index })];
    if (random() < 0.3) versions.push(await drop(world, { ...options, first: 100 + index }));
    objects.push(versions);
  }
  return objects;
}

/** Objects that are one element each, some overwritten, with events that are repeated and out of order. */
export const looseObjects: Scenario = async (run) => {
  const { world } = run;
  const { random, calm, output } = world;
  const faults = randomFaults(world);
  const fabric = newFabric(world, PIPELINE, faults);
  const objects = await dropObjects(world);
  const events = objects.flatMap((versions) =>
    versions.map((dropped, version) => eventOf(world, dropped, `00${version + 1}`)),
  );
  const repeated = events.filter(() => random() < 0.3);
  await fabric.queues.intake.send(shuffled([...events, ...repeated], random));
  await fabric.settle();
  noteFaults(run, faults);
  const unfailing = new FaultyFabric({ world, pipeline: PIPELINE, faults: NO_FAULTS });
  await unfailing.queues.intake.send(fabric.parked.intake.waiting);
  await unfailing.queues.bundles.send(fabric.parked.bundles.waiting);
  await unfailing.settle();

  const answers: Line[] = [];
  for (const [{ key }] of objects) answers.push(...linesOf(await textOf(calm, output, `${key}.json`)));
  const expected = objects.flatMap((versions) => versions.at(-1)?.elements ?? []);
  accountFor(run, byOutcome(answers), expected, { where: 'objects' });
};

/** A manifest of objects, one of which is gone. */
export const listedObjects: Scenario = async (run) => {
  const { world } = run;
  const { random, clock } = world;
  const faults = randomFaults(world);
  const fabric = newFabric(world, PIPELINE, faults);
  const startedAt = clock.now();
  const objects = await dropObjects(world);
  const keys = objects.map(([{ key }]) => key);
  const gone = random() < 0.5 ? [`${PIPELINE}/there-is-none.bin`] : [];
  const listed = await put(world, `${PIPELINE}/list.manifest.json`, JSON.stringify([...keys, ...gone]));
  const event = eventOf(world, listed);
  await fabric.queues.intake.send([event, event]);
  await fabric.settle();
  noteFaults(run, faults);
  await settleJob(world, fabric, listed.key, startedAt);
  const outcomes = await outcomesBelow(world, listed.key);
  const numbers = objects.map((versions) => versions.at(-1)?.elements[0]?.n ?? 0);
  const expected: readonly Expected[] = [...numbers, ...gone.map(() => NaN)].map((n, index) => ({
    id: `list.manifest.json#${index}`,
    position: index,
    n,
  }));
  accountFor(run, outcomes, expected, { where: listed.key, mayBeGone: gone.length > 0 });
  await accountManifest(world, listed.key, outcomes);
};
