import { describe, expect, test } from 'vitest';
import { costs, phaseFigures } from '../../../bench/quota-simulation/figures.ts';
import { plot } from '../../../bench/quota-simulation/plot.ts';
import { runScenario, type Scenario, SCENARIOS, SHOWN, SLOW } from '../../../bench/quota-simulation/scenarios.ts';
import type { Sample } from '../../../bench/quota-simulation/simulate.ts';
import { table } from '../../../bench/quota-simulation/table.ts';

const HALF_AN_HOUR = 1800;
const SHORT: Scenario = { ...SHOWN, quotas: [{ perSec: 100, minutes: 30 }] };

const runs = new Map<Scenario, readonly Sample[]>();

/** With the governor; run once. */
function governed(scenario: Scenario): readonly Sample[] {
  const samples = runs.get(scenario) ?? runScenario(scenario, true);
  runs.set(scenario, samples);
  return samples;
}

describe('a fleet under the governor, on an endpoint whose quota it is not told', () => {
  const held = SCENARIOS.filter((scenario) => scenario !== SLOW);

  test.each(held)('settles within a tenth under the quota, with under 2 % throttled: $name, $wanted', (scenario) => {
    for (const { used, possible, throttled } of phaseFigures(scenario, governed(scenario))) {
      expect(used / possible).toBeGreaterThanOrEqual(0.9);
      expect(used).toBeLessThanOrEqual(1.001);
      expect(throttled).toBeLessThan(0.02);
    }
  });

  test.each(held.filter(({ quotas }) => quotas.length > 1))(
    'uses nine tenths of a quota within five minutes of its doubling: $name',
    (scenario) => {
      const phases = phaseFigures(scenario, governed(scenario));
      const doubled = phases.filter(({ quota }, index) => quota > (phases[index - 1]?.quota ?? Infinity));
      expect(doubled.length).toBeGreaterThan(0);
      for (const { recoverySecs } of doubled) expect(recoverySecs).toBeLessThanOrEqual(300);
    },
  );

  test('where answers are slow and few, still wastes under 2 %, and recovers within ten minutes', () => {
    for (const { used, throttled, recoverySecs } of phaseFigures(SLOW, governed(SLOW)).slice(1)) {
      expect(used).toBeGreaterThanOrEqual(0.7);
      expect(throttled).toBeLessThan(0.02);
      expect(recoverySecs).toBeLessThanOrEqual(600);
    }
  });

  test('is throttled half as often as 200 engines, and is billed for a tenth of their time', () => {
    const few = costs(SHOWN, governed(SHOWN));
    const many = costs(SHOWN, runScenario(SHOWN, false));
    expect(few.throttledRequests).toBeLessThan(0.55 * many.throttledRequests);
    expect(few.engineHours).toBeLessThan(0.1 * many.engineHours);
  });

  test('keeps its size through a pause without work', () => {
    const busy = (secs: number): boolean => secs < HALF_AN_HOUR || secs >= 2 * HALF_AN_HOUR;
    const samples = runScenario(SHORT, true, { secs: 2 * HALF_AN_HOUR + 120, busy });
    const before = samples[HALF_AN_HOUR - 1];
    const pause = samples.slice(HALF_AN_HOUR + 300, 2 * HALF_AN_HOUR);
    expect(new Set(pause.map(({ engines }) => engines))).toEqual(new Set([0]));
    expect(new Set(pause.map(({ concurrency }) => concurrency))).toEqual(new Set([before?.concurrency]));
    expect(samples.at(-1)?.engines).toBe(before?.concurrency);
  });
});

describe('the simulation', () => {
  test('gives the same for the same seed, table and plot included, and something else for another', async () => {
    const short = { secs: 600 };
    const once = runScenario(SHORT, true, short);
    const again = runScenario(SHORT, true, short);
    expect(again).toEqual(once);
    expect(runScenario(SHORT, true, { ...short, seed: 2 })).not.toEqual(once);
    expect(await plot('A plot', again)).toBe(await plot('A plot', once));
    const printed = table([{ scenario: SHORT, governed: once, fixed: again }]);
    expect(printed).toContain('answers take 1 s');
  });

  test('has an endpoint that accepts no more than its quota and its burst', () => {
    const samples = runScenario(SHORT, false, { secs: 600 });
    const accepted = samples.reduce((sum, sample) => sum + sample.accepted, 0);
    expect(accepted).toBeLessThanOrEqual(100 * 600 + 10);
    expect(accepted).toBeGreaterThan(0.8 * 100 * 600);
  });
});
