import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AssemblerClock } from '../../lib/batching/batch-assembler.ts';
import { BatchAssembler } from '../../lib/batching/batch-assembler.ts';

interface Fragment {
  readonly id: number;
  readonly key: string;
  readonly size: number;
  readonly bytes: number;
  readonly weight: number;
}

class FakeClock implements AssemblerClock {
  readonly #timers = new Map<number, { readonly at: number; readonly expire: () => void }>();
  #last = 0;
  now = 0;

  setTimeout(expire: () => void, millis: number): number {
    this.#last += 1;
    this.#timers.set(this.#last, { at: this.now + millis, expire });
    return this.#last;
  }

  clearTimeout(handle: number): void {
    this.#timers.delete(handle);
  }

  get running(): number {
    return this.#timers.size;
  }

  advance(millis: number): void {
    const end = this.now + millis;
    for (;;) {
      const [due] = [...this.#timers].filter(([, { at }]) => at <= end).toSorted(([, a], [, b]) => a.at - b.at);
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.now = due[1].at;
      due[1].expire();
    }
    this.now = end;
  }
}

const POLICY = { maxBatchSize: 100, maxBatchBytes: 1000, maxBatchWeight: 1000, maxBatchDurationSecs: 0.05 };

function assembled(policy: Partial<typeof POLICY> = {}, target = 10) {
  const clock = new FakeClock();
  const batches: { readonly at: number; readonly fragments: readonly Fragment[] }[] = [];
  const assembler = new BatchAssembler<Fragment>({
    policy: { ...POLICY, ...policy },
    targetSize: () => target,
    clock,
    dispatch: (fragments) => batches.push({ at: clock.now, fragments }),
  });
  let id = 0;
  function offer(size: number, given: Partial<Fragment> = {}): Fragment {
    const fragment = { id: id++, key: 'a', size, bytes: size, weight: size, ...given };
    assembler.offer(fragment);
    return fragment;
  }
  const sizes = (): number[][] => batches.map(({ fragments }) => fragments.map(({ size }) => size));
  return { assembler, batches, clock, offer, sizes };
}

describe('BatchAssembler', () => {
  test('joins fragments until the target size', () => {
    const { offer, sizes, clock } = assembled();
    offer(4);
    offer(3);
    expect(sizes()).toEqual([]);
    offer(3);
    expect(sizes()).toEqual([[4, 3, 3]]);
    expect(clock.running).toBe(0);
  });

  test.each([
    ['target size', {}, 10],
    ['maximum size', { maxBatchSize: 10 }, 50],
    ['bytes', { maxBatchBytes: 10 }, 50],
    ['weight', { maxBatchWeight: 10 }, 50],
  ])('dispatches what it holds before a fragment that would exceed the %s', (_, policy, target) => {
    const { offer, sizes, assembler } = assembled(policy, target);
    offer(6);
    offer(5);
    expect(sizes()).toEqual([[6]]);
    assembler.flush();
    expect(sizes()).toEqual([[6], [5]]);
  });

  test.each(['maxBatchSize', 'maxBatchBytes', 'maxBatchWeight'])('waits no longer once %s is reached', (limit) => {
    const { offer, sizes } = assembled({ [limit]: 10 }, 50);
    offer(6);
    offer(4);
    expect(sizes()).toEqual([[6, 4]]);
  });

  test('sends a fragment above a limit alone and at once', () => {
    const { offer, sizes, clock } = assembled();
    offer(2);
    offer(60);
    expect(sizes()).toEqual([[2], [60]]);
    expect(clock.running).toBe(0);
  });

  test('waits for maxBatchDurationSecs after the first fragment of a key, not after the last', () => {
    const { offer, batches, clock } = assembled();
    offer(1);
    clock.advance(40);
    offer(1);
    offer(1, { key: 'b' });
    clock.advance(9);
    expect(batches).toEqual([]);
    clock.advance(1);
    expect(batches.map(({ at }) => at)).toEqual([50]);
    clock.advance(100);
    expect(batches.map(({ at }) => at)).toEqual([50, 90]);
  });

  test('starts its clock anew after a batch that was full', () => {
    const { offer, batches, clock } = assembled();
    offer(1);
    clock.advance(40);
    offer(9);
    offer(1);
    clock.advance(49);
    expect(batches.map(({ at }) => at)).toEqual([40]);
    clock.advance(1);
    expect(batches.map(({ at }) => at)).toEqual([40, 90]);
  });

  test('never joins fragments of different keys', () => {
    const { offer, batches, assembler } = assembled();
    offer(6, { key: 'b' });
    offer(6, { key: 'a' });
    offer(4, { key: 'b' });
    assembler.flush();
    expect(batches.map(({ fragments }) => fragments.map(({ id }) => id))).toEqual([[0, 2], [1]]);
  });

  test('loses and repeats nothing, keeps order and limits, and lets nothing wait too long', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      size: fc.integer({ min: 1, max: 15 }),
      bytes: fc.integer({ min: 0, max: 400 }),
      weight: fc.integer({ min: 0, max: 400 }),
      wait: fc.integer({ min: 0, max: 30 }),
    });
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 20 }), (steps, target) => {
        const { offer, batches, clock } = assembled({ maxBatchSize: 18 }, target);
        const offered: { readonly fragment: Fragment; readonly at: number }[] = [];
        for (const { wait, size, ...given } of steps) {
          const at = clock.now;
          offered.push({ fragment: offer(size, given), at });
          clock.advance(wait);
        }
        clock.advance(50);
        expect(clock.running).toBe(0);
        const answered = new Map(batches.flatMap(({ at, fragments }) => fragments.map(({ id }) => [id, at] as const)));
        for (const { fragment, at } of offered)
          expect((answered.get(fragment.id) ?? Infinity) - at).toBeLessThanOrEqual(50);
        for (const key of ['a', 'b', 'c']) {
          const ids = batches.flatMap(({ fragments }) => fragments.filter((it) => it.key === key).map(({ id }) => id));
          expect(ids).toEqual(
            offered.filter(({ fragment }) => fragment.key === key).map(({ fragment }) => fragment.id),
          );
        }
        for (const { fragments } of batches) {
          expect(new Set(fragments.map(({ key }) => key)).size).toBe(1);
          if (fragments.length === 1) continue;
          expect(fragments.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(Math.min(target, 18));
          expect(fragments.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(1000);
          expect(fragments.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(1000);
        }
      }),
    );
  });

  test('lets go of a cancelled fragment and makes room for others', () => {
    const { offer, assembler, sizes, clock } = assembled();
    offer(2);
    const unwanted = offer(6);
    expect(assembler.cancel(unwanted)).toBe(true);
    expect(assembler.cancel(unwanted)).toBe(false);
    offer(7);
    expect(sizes()).toEqual([]);
    clock.advance(50);
    expect(sizes()).toEqual([[2, 7]]);
  });

  test('holds nothing after its only fragment was cancelled', () => {
    const { offer, assembler, batches, clock } = assembled();
    assembler.cancel(offer(2));
    expect(clock.running).toBe(0);
    assembler.flush();
    expect(batches).toEqual([]);
  });

  test('cannot cancel what was dispatched', () => {
    const { offer, assembler } = assembled();
    const first = offer(2);
    assembler.flush();
    expect(assembler.cancel(first)).toBe(false);
  });

  test('stops every clock when it is disposed of, and takes nothing more', () => {
    const { offer, assembler, batches, clock } = assembled();
    offer(2);
    offer(2, { key: 'b' });
    assembler[Symbol.dispose]();
    expect(clock.running).toBe(0);
    expect(batches).toEqual([]);
    expect(() => offer(1)).toThrow(TypeError);
  });

  test('is in order when dispatch offers the next fragment from within', () => {
    const clock = new FakeClock();
    const ids: number[][] = [];
    const small = { key: 'a', bytes: 1, weight: 1 };
    const assembler = new BatchAssembler<Fragment>({
      policy: POLICY,
      targetSize: () => 10,
      clock,
      dispatch: (fragments) => {
        ids.push(fragments.map(({ id }) => id));
        if (ids.length === 1) assembler.offer({ ...small, id: 9, size: 7 });
      },
    });
    assembler.offer({ ...small, id: 0, size: 6 });
    assembler.offer({ ...small, id: 1, size: 5 });
    assembler.flush();
    expect(ids).toEqual([[0], [9], [1]]);
    expect(clock.running).toBe(0);
  });

  test('refuses a policy that lets nothing wait', () => {
    const options = { targetSize: () => 1, clock: new FakeClock(), dispatch: () => {} };
    expect(() => new BatchAssembler({ ...options, policy: { ...POLICY, maxBatchDurationSecs: undefined } })).toThrow(
      "Cannot join batches across bundles as 'maxBatchDurationSecs' must be set: current value is undefined",
    );
  });
});
