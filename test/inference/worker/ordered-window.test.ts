import * as fc from 'fast-check';
import { PositionIds } from '../../../lib/elements/identity.ts';
import { expect, test } from 'vitest';
import { readElement } from '../../../lib/formats/read-element.ts';
import { OrderedWindow } from '../../../lib/inference/worker/ordered-window.ts';
import { WorkItem } from '../../../lib/inference/worker/work-item.ts';

const textItem = (n: number, text: string) => new WorkItem(readElement(n, text, text), n, new PositionIds('n'));
const ascending = (one: number, other: number): number => one - other;

/** Elements in batches, those of one number in one, in any order; a batch settles at its turn. */
const batches = fc.record({
  batchOf: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 600 }),
  failed: fc.func(fc.integer({ min: 0, max: 19 }).map((roll) => roll === 0)),
  turns: fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { minLength: 10 }),
});

test('OrderedWindow gives every element once, in input order, with the result of its own, and frees each batch once', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async ({ batchOf, failed, turns }) => {
      const window = new OrderedWindow();
      const items = batchOf.map((_, n) => new WorkItem(readElement(n, n), n, new PositionIds('n')));
      for (const item of items) if (failed(item.ordinal)) item.fail('preprocess[0]', new Error('no'));
      const slots = items.map((item) => window.enter(item));
      window.end();

      const got: WorkItem[] = [];
      const reading = (async () => {
        for (let page = await window.next(); page !== undefined; page = await window.next()) got.push(...page);
      })();
      const freed: number[] = [];
      for (const batch of turns) {
        const own = slots.filter(({ item }) => batchOf[item.ordinal] === batch && item.failure === undefined);
        if (own.length === 0) continue;
        window.settle(own, 100 * own.length, {
          read: (index) => own[index]?.item.ordinal,
          free: () => void freed.push(batch),
        });
        await new Promise(setImmediate);
        const open = slots.findIndex(({ state }) => state !== 'settled');
        expect(got).toHaveLength(open === -1 ? slots.length : open);
      }
      await reading;
      expect(got).toEqual(items);
      for (const { ordinal, value, failure } of got) expect(value).toBe(failure === undefined ? ordinal : undefined);
      expect(freed.toSorted(ascending)).toEqual(
        [...new Set(batchOf.filter((_, n) => items[n]?.failure === undefined))].toSorted(ascending),
      );
      expect(Math.abs(window.heldBytes)).toBeLessThan(1e-6);
    }),
    { numRuns: 50 },
  );
});

test('OrderedWindow counts the bytes of elements that go by, where it does not wait for a batch to be full', async () => {
  const window = new OrderedWindow();
  const first = window.enter(textItem(0, ''));
  const refused = textItem(1, '"'.padEnd(5000));
  refused.refuse();
  window.enter(refused);
  expect(window.heldBytes).toBe(0);
  first.state = 'running';
  expect(window.heldBytes).toBeGreaterThan(5000);
  expect(window.heldBytes).toBeLessThan(6000);
  window.settle([first], 100, { read: () => 'result', free: () => {} });
  expect((await window.next())?.map(({ value }) => value)).toEqual(['result', null]);
  expect(window.heldBytes).toBe(0);
});
