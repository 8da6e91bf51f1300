import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { runBundle } from './run-bundle.ts';
import type { Weighed } from './fixtures/models.config.ts';
import { sharedEngines } from './start-engine.ts';

const engineOf = sharedEngines('models', 2);

const element = fc.record({
  weight: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 8 }) }, fc.constant(25)),
  shape: fc.constantFrom('a', 'b', 'c'),
  poison: fc.integer({ min: 0, max: 24 }).map((roll) => roll === 0),
  bytes: fc
    .oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 1500 }) }, fc.constant(12_000))
    .map((size) => 'x'.repeat(size)),
});
const bundle = fc.array(element, { maxLength: 80 }).map((all) => all.map((one, n): Weighed => ({ ...one, n })));

/** The pipeline's: see `limits` in the fixture. */
const MAX_SIZE = 12;
const MAX_WEIGHT = 20;
const MAX_BYTES = 10_000;

test('whatever the elements, each has one outcome, those to blame fail, and no batch is above a limit', async () => {
  const engine = await engineOf('limits');
  await fc.assert(
    fc.asyncProperty(fc.array(bundle, { minLength: 1, maxLength: 3 }), async (bundles) => {
      const results = await Promise.all(bundles.map((elements) => runBundle(engine, elements)));
      results.forEach(({ outcomes }, index) => {
        const elements = bundles[index] ?? [];
        elements.forEach(({ poison, shape, n }, place) => {
          const { stage, prediction } = outcomes[place] ?? {};
          expect(stage).toBe(poison === true ? 'inference' : undefined);
          if (poison === true) return;
          const batch = (prediction as number[]).map((other) => elements[other] as Weighed);
          expect(batch.some((other) => other.n === n)).toBe(true);
          expect(batch.every((other) => other.shape === shape)).toBe(true);
          expect(batch.length).toBeLessThanOrEqual(MAX_SIZE);
          if (batch.length === 1) return;
          expect(batch.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(MAX_WEIGHT);
          expect(batch.reduce((sum, { bytes = '' }) => sum + bytes.length, 0)).toBeLessThanOrEqual(MAX_BYTES);
        });
      });
    }),
    { numRuns: 40 },
  );
});
