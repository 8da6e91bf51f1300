import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchAssembler, type BatchFragment } from '../../lib/batching/batch-assembler.ts';
import { Batcher } from '../../lib/batching/batcher.ts';

const LIMITS = { maxBatchSize: 64, maxBatchBytes: 2 ** 20, maxBatchWeight: 100, isWeightPadded: true };

const weights = fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 200 });

describe('a limit on padded weight', () => {
  test('counts each element of a batch like its heaviest', () => {
    fc.assert(
      fc.property(weights, (all) => {
        const batcher = new Batcher<number>({ maxLagElements: Infinity, maxLagBytes: Infinity });
        batcher.openLane(0, { policy: LIMITS, targetSize: () => 64 });
        const closed = all.flatMap((weight) => [...batcher.add(weight, { key: '', bytes: 1, weight })]);
        const batches = [...closed, ...batcher.flush()];
        expect(batches.flatMap(({ items }) => items)).toEqual(all);
        for (const { items, weight } of batches) {
          expect(weight).toBe(Math.max(...items) * items.length);
          if (items.length > 1) expect(weight).toBeLessThanOrEqual(100);
        }
      }),
    );
  });

  test('holds for fragments of several bundles that are joined', () => {
    fc.assert(
      fc.property(weights, (all) => {
        const batches: (readonly BatchFragment[])[] = [];
        using assembler = new BatchAssembler<BatchFragment>({
          policy: { ...LIMITS, maxBatchDurationSecs: 1 },
          targetSize: () => 64,
          clock: { setTimeout: () => undefined, clearTimeout: () => undefined },
          dispatch: (fragments) => void batches.push(fragments),
        });
        for (const each of all) assembler.offer({ key: '', size: 2, bytes: 1, weight: 2 * each });
        assembler.flush();
        expect(batches.flat()).toHaveLength(all.length);
        for (const fragments of batches.filter(({ length }) => length > 1)) {
          const heaviest = Math.max(...fragments.map(({ weight }) => weight / 2));
          expect(heaviest * 2 * fragments.length).toBeLessThanOrEqual(100);
        }
      }),
    );
  });
});
