import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Counts, merge, noCounts, noteViolation, sum } from '../../campaign/counts.ts';
import { Deaths } from '../../campaign/simulation/fault-injector.ts';
import { jobWithFaults } from '../../campaign/simulation/job-scenarios.ts';
import { FlakyNetwork } from '../../campaign/simulation/network.ts';
import { NETWORK_EVERY, runSeed } from '../../campaign/simulation/run-seed.ts';
import { inNewWorld } from '../../campaign/simulation/world.ts';

/** Each scenario four times, and two of them over a network. */
const FIRST_SEED = 2;
const SEEDS = 48;

const all = noCounts();
let network: FlakyNetwork;

beforeAll(async () => {
  network = await FlakyNetwork.start();
});

afterAll(() => network[Symbol.asyncDispose]());

async function run(seed: number): Promise<Counts> {
  const counts = await runSeed(seed, (random) => network.open(random));
  merge(all, counts);
  return counts;
}

describe('the fabric', () => {
  test.each(Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index))(
    'gives every element one outcome, the right one, whatever fails (seed %i)',
    async (seed) => {
      expect((await run(seed)).violations).toEqual([]);
    },
  );

  /** More calls than it takes to process a bundle: the last of them kill no process. */
  const CALLS = Array.from({ length: 14 }, (_, call) => call);

  // To die after a call is to die before the next one.
  test.each(CALLS)('loses and doubles nothing where a processor is killed before its call number %i', async (call) => {
    const counts = noCounts();
    const faults = new Deaths({ victim: 'processor', call });
    await inNewWorld(call, (world) => jobWithFaults({ world, counts }, faults));
    merge(all, counts);
    expect(counts.elements['inputs']).toBe(8);
  });

  test('has been through at least 400 faults here, of every kind', () => {
    expect(sum(all.faults)).toBeGreaterThanOrEqual(400);
    const kinds = Object.keys(all.faults).join('\n');
    for (const operation of ['head', 'get', 'put', 'copy', 'send', 'changeVisibility']) {
      expect(kinds).toContain(`${operation} killed-before`);
    }
    for (const kind of ['killed-after', 'refused', 'answer-lost', 'network', 'deadline', 'delivered twice']) {
      expect(kinds).toContain(kind);
    }
  });
});

describe('a seed', () => {
  test('gives the same faults and the same outcomes each time', async () => {
    // Over a network, sockets decide too.
    const seed = 3 * NETWORK_EVERY + 1;
    expect(await runSeed(seed)).toEqual(await runSeed(seed));
  });

  test('whose promises are broken is named with its kind and the arguments that run it again', () => {
    const counts = noCounts();
    noteViolation(counts, '--seed 7', new TypeError('a bug'));
    expect(counts.violations).toEqual([
      { kind: 'crash', again: '--seed 7', message: expect.stringContaining('TypeError: a bug') },
    ]);
  });
});
