import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CANDIDATES, choose, evaluate, sweep, type Swept } from '../../../bench/scaling-simulation/evaluation.ts';
import { answersAtBest } from '../../../bench/scaling-simulation/figures.ts';
import { plot } from '../../../bench/scaling-simulation/plot.ts';
import { DEPLOYED, type Design } from '../../../bench/scaling-simulation/scaling-settings.ts';
import { type Arrival, simulate } from '../../../bench/scaling-simulation/simulate.ts';
import { SURROUNDINGS } from '../../../bench/scaling-simulation/surroundings.ts';
import { traceTable } from '../../../bench/scaling-simulation/table.ts';
import { MONDAY } from '../../../bench/scaling-simulation/traces.ts';

const MINUTE = 60;
const CLOSE_ENOUGH = 1e-6;

const arrivals: fc.Arbitrary<readonly Arrival[]> = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 12 * 3600 }),
    workSecs: fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 60 }),
  }),
  { minLength: 1, maxLength: 8 },
);
const designs: fc.Arbitrary<Design> = fc.oneof(
  fc.record({ follow: fc.constantFrom('steps', 'tracking'), keptActive: fc.boolean() }),
  fc.constant({ follow: 'steps', keptActive: false, intakeWakesAfterSecs: 75 } as const),
);
const settings = fc.record({
  backlogPerTask: fc.integer({ min: 1, max: 50 }),
  maxTasks: fc.integer({ min: 1, max: 30 }),
  minTasks: fc.constant(0),
  backlogMinutes: fc.integer({ min: 1, max: 3 }),
  cooldownSecs: fc.integer({ min: 0, max: 900 }),
  idleMinutes: fc.integer({ min: 1, max: 30 }),
  design: designs,
});

describe('the simulation', () => {
  test('has each bundle answered once, never more tasks than there may be, and pays for all work', () => {
    fc.assert(
      fc.property(arrivals, settings, fc.nat(), (all, some, seed) => {
        const { bundles, samples, billedSecs } = simulate(all, some, { ...SURROUNDINGS, seed });
        const work = all.flatMap(({ workSecs }) => workSecs);
        expect(bundles.map(({ workSecs }) => workSecs).toSorted(byNumber)).toEqual(work.toSorted(byNumber));
        for (const { arrivedAt, takenAt, answeredAt, workSecs } of bundles) {
          expect(takenAt).toBeGreaterThanOrEqual(arrivedAt);
          expect(answeredAt - takenAt).toBeGreaterThanOrEqual(workSecs - CLOSE_ENOUGH);
        }
        expect(billedSecs).toBeGreaterThanOrEqual(work.reduce((sum, secs) => sum + secs, 0));
        for (const { desired, serving } of samples) {
          expect(desired).toBeLessThanOrEqual(some.maxTasks);
          expect(serving).toBeLessThanOrEqual(some.maxTasks);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('gives the same for the same seed, tables and plots included, and something else for another', async () => {
    const once = simulate(MONDAY.arrivals, DEPLOYED, SURROUNDINGS);
    const again = simulate(MONDAY.arrivals, DEPLOYED, SURROUNDINGS);
    expect(again).toEqual(once);
    expect(simulate(MONDAY.arrivals, DEPLOYED, { ...SURROUNDINGS, seed: 2 })).not.toEqual(once);
    const span = { from: 3600, to: 3900 };
    expect(await plot('A plot', again.samples, span)).toBe(await plot('A plot', once.samples, span));
  });

  test('starts nothing for a message that is shown for one minute and is not there', () => {
    const day = [{ at: 24 * 3600, workSecs: [10] }];
    const surroundings = { ...SURROUNDINGS, phantomShare: 0.02 };
    expect(simulate(day, { ...DEPLOYED, backlogMinutes: 1 }, surroundings).tasksStarted).toBeGreaterThan(5);
    expect(simulate(day, DEPLOYED, surroundings).tasksStarted).toBeLessThanOrEqual(2);
  });

  test('has as many tasks come at once as a large backlog asks for, and all go soon after the last bundle', () => {
    const { samples } = simulate([{ at: 0, workSecs: Array.from({ length: 35 }, () => 60) }], DEPLOYED, SURROUNDINGS);
    expect(new Set(samples.map(({ desired }) => desired).slice(0, 10))).toEqual(new Set([0, 4]));
    expect(samples.at(-1)?.minute).toBeLessThan(40);
  });
});

test('at best, a bundle begins as soon as a task is free', () => {
  const two = [
    { at: 0, workSecs: [100, 10, 10] },
    { at: 50, workSecs: [10] },
  ];
  expect(answersAtBest(two, 2)).toEqual([100, 10, 20, 60]);
  expect(answersAtBest(two, 1)).toEqual([100, 110, 120, 130]);
});

describe('what is deployed', () => {
  const deployed = evaluate(DEPLOYED);

  test.each(Object.keys(CANDIDATES) as Swept[])('has the %s that the criterion chooses', (setting) => {
    expect(choose(sweep(setting, deployed))?.settings[setting]).toBe(DEPLOYED[setting]);
  });

  test('answers on Monday morning as soon as on any other', () => {
    const monday = deployed.byTrace.get(MONDAY);
    expect(monday?.late.max).toBeLessThan(12 * MINUTE);
    expect(traceTable(deployed, 1)).toContain('Monday morning');
  });
});

function byNumber(one: number, other: number): number {
  return one - other;
}
