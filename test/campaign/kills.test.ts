import { describe, expect, test } from 'vitest';
import { noCounts, sum } from '../../campaign/counts.ts';
import { localRound, runRound } from '../../campaign/kills/cli-rounds.ts';
import { fleetRound } from '../../campaign/kills/fleet-round.ts';

const KILLS = 3;
/** Seven bundles. The campaign has more. */
const ROWS = 20_000;
/** More than a machine with too much to do needs for what is received again after a kill. */
const TIMEOUT_MILLIS = 240_000;

describe('workers, intake and the finalizer behind a network that fails', () => {
  test(
    'give every element one outcome, though their processes are killed, and leave no process and no file',
    { timeout: TIMEOUT_MILLIS },
    async () => {
      const counts = noCounts();
      await fleetRound({ kills: KILLS, seed: 1, counts, signal: new AbortController().signal });
      expect(sum(counts.kills)).toBe(KILLS);
      const { inputs = 0, predictions = 0, failures = 0 } = counts.elements;
      expect(inputs).toBeGreaterThan(0);
      expect(predictions + failures).toBe(inputs);
    },
  );
});

test.each([
  ['fabric run', runRound],
  ['fabric local', localRound],
])(
  '%s writes the bytes of an uninterrupted run, though it is killed',
  { timeout: TIMEOUT_MILLIS },
  async (_, round) => {
    const counts = noCounts();
    await round({ kills: 1, rows: ROWS, seed: 1, counts, signal: new AbortController().signal });
    const { inputs = 0, predictions = 0, failures = 0 } = counts.elements;
    expect(failures).toBeGreaterThan(0);
    expect(predictions + failures).toBe(inputs);
  },
);
