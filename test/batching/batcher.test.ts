import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch, BatcherOptions, LaneOptions } from '../../lib/batching/batcher.ts';
import { Batcher, isOversize } from '../../lib/batching/batcher.ts';

interface Added {
  readonly key: string;
  readonly index: number;
  readonly bytes: number;
  readonly weight: number;
}

type Options = BatcherOptions & LaneOptions;

const UNLIMITED: Options = {
  policy: { maxBatchSize: 1024, maxBatchBytes: 2 ** 26, maxBatchWeight: Infinity },
  targetSize: () => 1024,
  maxLagElements: Infinity,
  maxLagBytes: Infinity,
};

/** One of a single lane. */
function batcherOf<T>(options: Options): Batcher<T> {
  const batcher = new Batcher<T>(options);
  batcher.openLane(0, options);
  return batcher;
}

function batchesOf(elements: readonly Added[], options: Options): Batch<Added>[] {
  const batcher = batcherOf<Added>(options);
  const closed = elements.flatMap((element) => [...batcher.add(element, element)]);
  return [...closed, ...batcher.flush()];
}

/** Elements by key, one letter each: `'aab'` is two of `a` and one of `b`. */
function elementsOf(keys: string, bytes = 1, weight = 1): Added[] {
  return Array.from(keys, (key, index) => ({ key, index, bytes, weight }));
}

function shown(batches: readonly Batch<Added>[]): string[] {
  return batches.map(({ key, items, closedBy }) => `${key} ${items.map(({ index }) => index).join(',')} ${closedBy}`);
}

const element = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  bytes: fc.integer({ min: 0, max: 120 }),
  // Also fractions, whose sums round.
  weight: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.double({ min: 0, max: 12, noNaN: true })),
});
const sequence = fc.array(element, { maxLength: 80 }).map((all) => all.map((it, index) => ({ ...it, index })));
const bound = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(Infinity));
const options: fc.Arbitrary<Options> = fc.record({
  policy: fc.record({
    maxBatchSize: fc.integer({ min: 1, max: 20 }),
    maxBatchBytes: fc.integer({ min: 1, max: 300 }),
    maxBatchWeight: bound,
  }),
  targetSize: fc
    .record({ a: bound, b: bound, c: bound, d: bound })
    .map((targets) => (key: string) => new Map(Object.entries(targets)).get(key) ?? 1),
  maxLagElements: bound,
  maxLagBytes: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.constant(Infinity)),
});

describe('Batcher', () => {
  test('loses nothing, repeats nothing and keeps the order within a key', () => {
    fc.assert(
      fc.property(sequence, options, (elements, given) => {
        const batches = batchesOf(elements, given);
        for (const key of ['a', 'b', 'c', 'd']) {
          const items = batches.filter((batch) => batch.key === key).flatMap((batch) => batch.items);
          expect(items).toEqual(elements.filter((it) => it.key === key));
        }
      }),
    );
  });

  test('keeps every limit in every batch, but for one element that is larger by itself', () => {
    fc.assert(
      fc.property(sequence, options, (elements, given) => {
        const { maxBatchSize, maxBatchBytes, maxBatchWeight } = given.policy;
        for (const { key, items, bytes, weight } of batchesOf(elements, given)) {
          expect(items.length).toBeGreaterThanOrEqual(1);
          expect(items.length).toBeLessThanOrEqual(Math.min(maxBatchSize, given.targetSize(key)));
          expect(bytes).toBe(items.reduce((sum, it) => sum + it.bytes, 0));
          expect(weight).toBe(items.reduce((sum, it) => sum + it.weight, 0));
          if (items.length === 1) continue;
          expect(bytes).toBeLessThanOrEqual(maxBatchBytes);
          expect(weight).toBeLessThanOrEqual(maxBatchWeight);
        }
      }),
    );
  });

  test('keeps no batch open whose first element lags further behind than the bounds allow', () => {
    fc.assert(
      fc.property(sequence, options, (elements, given) => {
        const batcher = batcherOf<Added>(given);
        const waiting = new Set<Added>();
        const added: Added[] = [];
        for (const it of elements) {
          waiting.add(it);
          added.push(it);
          for (const batch of batcher.add(it, it)) {
            for (const item of batch.items) waiting.delete(item);
          }
          const [oldest] = waiting;
          if (oldest === undefined) continue;
          const since = added.slice(added.indexOf(oldest));
          expect(since.length - 1).toBeLessThanOrEqual(given.maxLagElements);
          expect(since.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(given.maxLagBytes);
        }
      }),
    );
  });

  test('says truly what closed a batch', () => {
    fc.assert(
      fc.property(sequence, options, (elements, given) => {
        for (const { key, items, closedBy } of batchesOf(elements, given)) {
          const target = Math.min(given.policy.maxBatchSize, given.targetSize(key));
          expect(closedBy === 'size').toBe(items.length === target);
        }
      }),
    );
  });

  test('makes the same batches of the same sequence', () => {
    fc.assert(
      fc.property(sequence, options, (elements, given) => {
        expect(batchesOf(elements, given)).toEqual(batchesOf(elements, given));
      }),
    );
  });

  test("chunks each key's sequence where the size is fixed, whatever the other keys do", () => {
    fc.assert(
      fc.property(sequence, fc.integer({ min: 1, max: 10 }), (elements, size) => {
        const batches = batchesOf(elements, { ...UNLIMITED, targetSize: () => size });
        for (const key of ['a', 'b', 'c', 'd']) {
          const own = elements.filter((it) => it.key === key);
          const chunks = Array.from({ length: Math.ceil(own.length / size) }, (_, i) =>
            own.slice(i * size, (i + 1) * size),
          );
          expect(batches.filter((batch) => batch.key === key).map((batch) => batch.items)).toEqual(chunks);
        }
      }),
    );
  });

  test('flushes in the order of first elements', () => {
    expect(shown(batchesOf(elementsOf('bacab'), UNLIMITED))).toEqual(['b 0,4 end', 'a 1,3 end', 'c 2 end']);
    expect(shown(batchesOf(elementsOf('abaab'), { ...UNLIMITED, targetSize: () => 2 }))).toEqual([
      'a 0,2 size',
      'b 1,4 size',
      'a 3 end',
    ]);
  });

  test('has nothing to flush twice, and starts anew', () => {
    const batcher = batcherOf<string>(UNLIMITED);
    expect(batcher.flush()).toEqual([]);
    batcher.add('x', { key: 'a', bytes: 1, weight: 1 });
    expect(batcher.flush()).toHaveLength(1);
    expect(batcher.flush()).toEqual([]);
    batcher.add('y', { key: 'a', bytes: 1, weight: 1 });
    expect(batcher.flush()).toEqual([{ lane: 0, key: 'a', items: ['y'], bytes: 1, weight: 1, closedBy: 'end' }]);
  });

  test.each(['bytes', 'weight'] as const)(
    'closes before an element that would exceed the %s, and when they are reached',
    (limit) => {
      const policy = {
        ...UNLIMITED.policy,
        maxBatchBytes: limit === 'bytes' ? 10 : 99,
        maxBatchWeight: limit === 'weight' ? 10 : 99,
      };
      const elements = [4, 4, 4, 6, 1].map((amount, index) => ({ key: 'a', index, bytes: amount, weight: amount }));
      expect(shown(batchesOf(elements, { ...UNLIMITED, policy }))).toEqual([
        `a 0,1 ${limit}`,
        `a 2,3 ${limit}`,
        'a 4 end',
      ]);
    },
  );

  test.each(['maxBatchBytes', 'maxBatchWeight'])(
    'closes as soon as %s is reached, not at the next element',
    (limit) => {
      const batcher = batcherOf<string>({ ...UNLIMITED, policy: { ...UNLIMITED.policy, [limit]: 10 } });
      expect(batcher.add('x', { key: 'a', bytes: 4, weight: 4 })).toHaveLength(0);
      expect(batcher.add('y', { key: 'a', bytes: 6, weight: 6 })).toHaveLength(1);
    },
  );

  test('sends an oversize element alone, without an empty batch before it', () => {
    const policy = { ...UNLIMITED.policy, maxBatchWeight: 10 };
    const elements = [25, 1, 30, 2].map((weight, index) => ({ key: 'a', index, bytes: 1, weight }));
    // Beam makes [], [25], [1], [30], [2] of these.
    expect(shown(batchesOf(elements, { ...UNLIMITED, policy }))).toEqual([
      'a 0 weight',
      'a 1 weight',
      'a 2 weight',
      'a 3 end',
    ]);
  });

  test('closes the batch that began first when it lags too far behind, so a rare key holds nothing back', () => {
    expect(shown(batchesOf(elementsOf('abbcbb'), { ...UNLIMITED, maxLagElements: 3 }))).toEqual([
      'a 0 lag',
      'b 1,2,4,5 lag',
      'c 3 end',
    ]);
    expect(shown(batchesOf(elementsOf('abc', 100), { ...UNLIMITED, maxLagBytes: 250 }))).toEqual([
      'a 0 lag',
      'b 1 end',
      'c 2 end',
    ]);
  });

  test('closes it too when elements that are in no batch go by', () => {
    const batcher = batcherOf<string>({ ...UNLIMITED, maxLagElements: 3, maxLagBytes: 250 });
    expect(batcher.skip(1000)).toEqual([]);
    batcher.add('x', { key: 'a', bytes: 1, weight: 1 });
    expect([1, 2, 3].flatMap(() => batcher.skip(1))).toEqual([]);
    expect(batcher.skip(1)).toMatchObject([{ key: 'a', items: ['x'], closedBy: 'lag' }]);
    batcher.add('y', { key: 'a', bytes: 1, weight: 1 });
    expect(batcher.skip(300)).toMatchObject([{ key: 'a', items: ['y'], closedBy: 'lag' }]);
    expect(batcher.isEmpty).toBe(true);
  });

  test('has batches of each lane by its own limits, which all lag behind the elements of all lanes', () => {
    const batcher = new Batcher<number>({ maxLagElements: 4, maxLagBytes: Infinity });
    const [pairs, rest] = [3, 1];
    batcher.openLane(pairs, { ...UNLIMITED, targetSize: () => 2 });
    batcher.openLane(rest, { ...UNLIMITED, policy: { ...UNLIMITED.policy, maxBatchWeight: 3 } });
    const lanes = [pairs, rest, rest, pairs, rest, pairs, rest, rest, rest, rest];
    const closed = lanes.flatMap((lane, n) => batcher.add(n, { key: 'k', bytes: 1, weight: 1, laneIndex: lane }));
    expect(batcher.isEmpty).toBe(false);
    expect([...closed, ...batcher.flush()].map(({ lane, items, closedBy }) => [lane, items, closedBy])).toEqual([
      [pairs, [0, 3], 'size'],
      [rest, [1, 2, 4], 'weight'],
      [rest, [6, 7, 8], 'weight'],
      [pairs, [5], 'end'],
      [rest, [9], 'end'],
    ]);
    expect(() => batcher.add(10, { key: 'k', bytes: 1, weight: 1, laneIndex: 2 })).toThrow(RangeError);
    batcher.add(11, { key: 'k', bytes: 1, weight: 1, laneIndex: pairs });
    expect([12, 13, 14, 15].flatMap((n) => batcher.add(n, { key: 'k', bytes: 1, weight: 0, laneIndex: rest }))).toEqual(
      [],
    );
    expect(batcher.add(16, { key: 'k', bytes: 1, weight: 0, laneIndex: rest })).toMatchObject([
      { lane: pairs, items: [11], closedBy: 'lag' },
    ]);
  });

  test('asks for the target size once a batch', () => {
    const asked: string[] = [];
    batchesOf(elementsOf('aaabaa'), { ...UNLIMITED, targetSize: (key) => (asked.push(key), 2) });
    expect(asked).toEqual(['a', 'a', 'b', 'a']);
  });

  test.each([0, -5, NaN, 0.5])('makes batches of one where the target is %d', (target) => {
    const batches = batchesOf(elementsOf('aaa'), { ...UNLIMITED, targetSize: () => target });
    expect(batches.map(({ items }) => items.length)).toEqual([1, 1, 1]);
  });

  test('usually answers with one and the same empty list', () => {
    const batcher = batcherOf<string>(UNLIMITED);
    expect(batcher.add('x', { key: 'a', bytes: 1, weight: 1 })).toBe(
      batcher.add('y', { key: 'b', bytes: 1, weight: 1 }),
    );
  });

  test.each([
    [NaN, 1],
    [-1, 1],
    [1, NaN],
    [1, Infinity],
  ])('refuses an element of %d bytes and weight %d, and is as it was', (bytes, weight) => {
    const batcher = batcherOf<string>(UNLIMITED);
    batcher.add('x', { key: 'a', bytes: 1, weight: 1 });
    expect(() => batcher.add('y', { key: 'a', bytes, weight })).toThrow(RangeError);
    expect(batcher.flush()).toEqual([{ lane: 0, key: 'a', items: ['x'], bytes: 1, weight: 1, closedBy: 'end' }]);
  });

  test.each(['maxLagElements', 'maxLagBytes'])('refuses to be built with a %s of 0', (option) => {
    expect(() => new Batcher({ ...UNLIMITED, [option]: 0 })).toThrow(
      `Cannot batch as '${option}' must be above 0: current value is 0`,
    );
  });
});

describe('isOversize', () => {
  test('is true only above the limit', () => {
    expect(isOversize({ maxBatchWeight: 10 }, 10)).toBe(false);
    expect(isOversize({ maxBatchWeight: 10 }, 10.1)).toBe(true);
    expect(isOversize({ maxBatchWeight: Infinity }, 1e300)).toBe(false);
  });
});
