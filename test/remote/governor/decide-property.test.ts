import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../../lib/remote/governor/decide.ts';
import type { Observation } from '../../../lib/remote/governor/observation.ts';
import { FIRST_STATE, type GovernorState, parseState, serializeState } from '../../../lib/remote/governor/state.ts';

const MINUTE = 60_000;
/** Some minute, from which the runs count. */
const START = Date.UTC(2026, 10, 21, 8);
const SECONDS_PAST = 7000;

const states = fc.record({
  version: fc.constant(1 as const),
  concurrency: fc.integer({ min: 1, max: 1000 }),
  engineRate: fc.option(
    fc.record({ perSec: fc.double({ min: 1e-3, max: 1e4, noNaN: true }), at: fc.integer({ min: 0, max: START }) }),
    { nil: undefined },
  ),
  runs: fc.array(
    fc.record({
      at: fc.integer({ min: START - 12 * MINUTE, max: START }),
      concurrency: fc.integer({ min: 1, max: 1000 }),
      working: fc.double({ min: 0, max: 1000, noNaN: true }),
    }),
    { maxLength: 12 },
  ),
});

const observations: fc.Arbitrary<Observation> = fc.record({
  now: fc.constant(START + SECONDS_PAST),
  minutes: fc.array(
    fc.record({
      at: fc.integer({ min: -15, max: 0 }).map((ago) => START + ago * MINUTE),
      accepted: fc.nat(1e6),
      throttled: fc.nat(1e6),
      waitedMillis: fc.nat(1e9),
    }),
    { maxLength: 12 },
  ),
  waiting: fc.nat(1e6),
  working: fc.double({ min: 0, max: 2000, noNaN: true }),
});

describe('decide, whatever it is given', () => {
  const limits = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 }));

  test('sets an integer within its limits, and raises it by half at most', () => {
    fc.assert(
      fc.property(states, observations, limits, (state, observation, [one, other]) => {
        const [least, ceiling] = [Math.min(one, other), Math.max(one, other)];
        const { concurrency } = decide(state, observation, { least, ceiling });
        expect(Number.isInteger(concurrency)).toBe(true);
        expect(concurrency).toBeGreaterThanOrEqual(least);
        expect(concurrency).toBeLessThanOrEqual(
          Math.min(ceiling, Math.max(least, Math.round(state.concurrency * 1.5))),
        );
      }),
    );
  });

  test('knows a fleet that is never less than what is allowed, what was so at the run before, or what there is', () => {
    fc.assert(
      fc.property(states, observations, fc.option(fc.nat(1000), { nil: undefined }), (state, seen, running) => {
        const observation = { ...seen, ...(running === undefined ? {} : { running }) };
        const first = decide(state, observation).state;
        const second = decide(first, { ...observation, now: observation.now + MINUTE }).state;
        expect(second.fleet).toBeGreaterThanOrEqual(second.concurrency);
        expect(second.fleet).toBeGreaterThanOrEqual(first.concurrency);
        expect(second.fleet).toBeGreaterThanOrEqual(running ?? seen.working);
      }),
    );
  });

  test('is a function of what it is given, and leaves that as it was', () => {
    fc.assert(
      fc.property(states, observations, (state, observation) => {
        const before = structuredClone({ state, observation });
        expect(decide(state, observation)).toEqual(decide(state, observation));
        expect({ state, observation }).toEqual(before);
      }),
    );
  });

  test('gives a state that fits in a parameter of 4 KB, and comes back as it was stored', () => {
    fc.assert(
      fc.property(states, fc.array(observations, { maxLength: 20 }), (first, seen) => {
        const state = seen.reduce((state, observation) => decide(state, observation).state, first as GovernorState);
        const stored = serializeState(state);
        expect(Buffer.byteLength(stored)).toBeLessThan(4096);
        expect(parseState(stored)).toEqual(state);
      }),
    );
  });
});

describe('parseState', () => {
  test.each([undefined, '', '{', 'null', '{"version":2}', '{"version":1,"concurrency":0,"runs":[]}'])(
    'starts again from %j',
    (text) => expect(parseState(text)).toEqual(FIRST_STATE),
  );
});
