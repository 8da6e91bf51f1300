import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SteppingAside } from '../../../functions/gpu-worker/stepping-aside.ts';
import { VirtualClock } from '../../remote/virtual-clock.ts';

const MINUTE = 60_000;

/** A worker that hears its governor, with the numbers that it draws. */
function asideBench(...draws: number[]) {
  const clock = new VirtualClock();
  const told: string[] = [];
  const aside = new SteppingAside({
    telemetry: { info: (message) => void told.push(message) },
    now: () => clock.now(),
    random: () => draws.shift() ?? 1,
    clock,
  });
  /** What the governor publishes now. */
  const hear = (concurrency: number, working: number, at = clock.now()): void =>
    aside.hear({ concurrency, runs: [{ at, concurrency, working }] });
  const mayTake = async (): Promise<boolean> => {
    let may = false;
    void aside.turn().then(() => (may = true));
    await clock.advance(0);
    return may;
  };
  return { clock, told, aside, hear, mayTake, draws };
}

describe('a worker of too many', () => {
  test('steps aside with the chance that makes the right number go', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        async (concurrency, working, draw) => {
          const { hear, mayTake } = asideBench(draw);
          hear(concurrency, working);
          expect(await mayTake()).toBe(working <= concurrency || draw >= 1 - concurrency / working);
        },
      ),
    );
  });

  test('takes bundles again where it is still there a while after its last one', async () => {
    const { clock, aside, hear, mayTake, told } = asideBench(0);
    aside.setBundles(3);
    hear(5, 10);
    await clock.advance(60 * MINUTE);
    aside.setBundles(1);
    expect(await mayTake()).toBe(false);
    aside.setBundles(0);
    await clock.advance(2 * MINUTE - 1);
    expect(await mayTake()).toBe(false);
    await clock.advance(1);
    expect(await mayTake()).toBe(true);
    expect(told).toEqual(['the worker steps aside, as there are too many', 'the worker takes bundles again']);
  });

  test('takes bundles again as soon as it is not too many', async () => {
    const { clock, aside, hear, mayTake } = asideBench(0);
    aside.setBundles(3);
    hear(5, 10);
    const turn = aside.turn();
    hear(5, 6);
    expect(await mayTake()).toBe(false);
    hear(6, 6);
    await turn;
    aside.setBundles(0);
    await clock.advance(10 * MINUTE);
    expect(await mayTake()).toBe(true);
  });

  test('is drawn again only when those that went are not counted any more', async () => {
    const { clock, hear, mayTake, draws } = asideBench(0.9, 0.1, 0.1);
    hear(5, 10);
    await clock.advance(10 * MINUTE - 1);
    hear(5, 10);
    expect(await mayTake()).toBe(true);
    expect(draws).toHaveLength(2);
    await clock.advance(1);
    hear(5, 10);
    expect(await mayTake()).toBe(false);
    expect(draws).toHaveLength(1);
  });

  test('stays where the governor says nothing, or has not for long', async () => {
    const { clock, aside, hear, mayTake, draws } = asideBench(0);
    await clock.advance(30 * MINUTE);
    aside.hear({ concurrency: 2, runs: [] });
    hear(5, 10, clock.now() - 4 * MINUTE);
    expect(await mayTake()).toBe(true);
    expect(draws).toHaveLength(1);
  });
});
