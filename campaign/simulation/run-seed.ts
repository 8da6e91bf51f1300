import { add, type Counts, noCounts, noteViolation } from '../counts.ts';
import { deaths, deletedObject, overwrittenObject, plainJob, redrivenJob } from './job-scenarios.ts';
import { listedObjects, looseObjects } from './object-scenarios.ts';
import type { Scenario } from './scenario.ts';
import { answersById, streamedDeaths, streamedMessages } from './streamed-scenarios.ts';
import { inNewWorld, type OpenStores } from './world.ts';

/** Scenarios in the order in which seeds take them; the more frequent ones have several places. */
const SCENARIOS: readonly (readonly [name: string, scenario: Scenario])[] = [
  ['job', plainJob],
  ['streamed messages', streamedMessages],
  ['deaths at one call', deaths],
  ['job', plainJob],
  ['deleted object', deletedObject],
  ['streamed messages, deaths at one call', streamedDeaths],
  ['redriven job', redrivenJob],
  ['objects by themselves', looseObjects],
  ['overwritten object', overwrittenObject],
  ['answers by id', answersById],
  ['deaths at one call', deaths],
  ['manifest of objects', listedObjects],
];

/** Number of seeds of which one reaches its stores over a network that fails; the others have theirs in memory. */
export const NETWORK_EVERY = 25;

export function usesNetwork(seed: number): boolean {
  return seed % NETWORK_EVERY === NETWORK_EVERY - 1;
}

/**
 * Runs the simulation of one seed, whose number also chooses its scenario.
 *
 * @param openStores - opens the stores of a seed that uses a network.
 */
export async function runSeed(seed: number, openStores?: OpenStores): Promise<Counts> {
  const counts = noCounts();
  const [name, scenario] = SCENARIOS[seed % SCENARIOS.length] ?? ['job', plainJob];
  const where = usesNetwork(seed) ? `${name}, over a network` : name;
  add(counts.runs, where);
  try {
    await inNewWorld(seed, (world) => scenario({ world, counts }), usesNetwork(seed) ? openStores : undefined);
  } catch (error) {
    noteViolation(counts, `--seed ${seed}`, error);
  }
  return counts;
}
