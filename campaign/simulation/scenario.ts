import { add, type Counts } from '../counts.ts';
import { type Faults, RandomFaults } from './fault-injector.ts';
import { FaultyFabric } from './faulty-fabric.ts';
import type { Expected } from './drops.ts';
import { account, type Outcomes } from './ledger.ts';
import type { World } from './world.ts';

/** One run of a seed: its world, and where it counts. */
export interface Run {
  readonly world: World;
  readonly counts: Counts;
}

/** Course of a run. It throws a Violation for a promise that is broken. */
export type Scenario = (run: Run) => Promise<void>;

const FAULT_RATE = 0.12;
const FAULTS_A_RUN = 16;

export function randomFaults({ random }: World, { rate = FAULT_RATE, budget = FAULTS_A_RUN } = {}): Faults {
  return new RandomFaults({ random, rate, budget });
}

/** A fabric whose faults are counted when the run ends with `noteFaults`. */
export function newFabric(world: World, pipeline: string, faults: Faults = randomFaults(world)): FaultyFabric {
  return new FaultyFabric({ world, pipeline, faults });
}

export function noteFaults({ counts }: Run, faults: Faults): void {
  for (const [what, count] of Object.entries(faults.counts)) add(counts.faults, what, count);
}

/** Checks the outcomes of elements, and counts them. @throws Violation */
export function accountFor(
  { counts }: Run,
  outcomes: Outcomes,
  expected: readonly Expected[],
  { where, mayBeGone }: { readonly where: string; readonly mayBeGone?: boolean },
): void {
  const failures = account(outcomes, expected, where, mayBeGone === undefined ? {} : { mayBeGone });
  add(counts.elements, 'inputs', expected.length);
  add(counts.elements, 'predictions', outcomes.predictions.length);
  add(counts.elements, 'failures', failures);
}
