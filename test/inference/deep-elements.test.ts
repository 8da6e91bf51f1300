import { describe, expect, test } from 'vitest';
import { MAX_NESTING } from '../../lib/elements/nesting.ts';
import type { Bundle } from '../../lib/inference/bundle.ts';
import { expectOnlyFailures, processBundle, runBundle } from './run-bundle.ts';
import { sharedEngines } from './start-engine.ts';

const engineOf = sharedEngines('functions');

/** A message of elements, of which those at `deep` have an input that is nested so deeply. */
function message(
  depths: readonly number[],
  receives = 1,
): { readonly bundle: Bundle; readonly ids: readonly string[] } {
  const elements = depths.map((depth, n) => {
    const rest = depth === 0 ? '' : `,"rest":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}`;
    return JSON.parse(`{"id":"e${n}","input":{"n":${n}${rest}}}`) as unknown;
  });
  const ids = depths.map((_, n) => `e${n}`);
  return { ids, bundle: { name: 'm', source: { kind: 'elements', elements }, address: { messageId: 'm' }, receives } };
}

const incremented = (n: number): number => n + 1;

describe('an element of a message', () => {
  test.each([
    ['a thread', 1],
    ['a process', 2],
  ])('that is nested too deeply fails alone at stage read, in %s', async (_, receives) => {
    const engine = await engineOf('patient');
    const { bundle, ids } = message([0, MAX_NESTING, MAX_NESTING + 1, 0, 5000, 200_000, 0], receives);
    const { outcomes } = await processBundle(engine, bundle, ids);
    const failures = expectOnlyFailures(outcomes, [2, 4, 5], incremented);
    for (const failure of failures) {
      const message = `The element nests arrays and objects deeper than ${MAX_NESTING} levels, the maximum`;
      expect(failure).toMatchObject({ stage: 'read', error: { name: 'ElementTooDeep', message } });
      // Its text, as of any other that cannot be parsed.
      expect(failure.input).toMatch(/^\{"n":\d,"rest":\[+\]+\}$/);
    }
    const next = message([0]);
    expect((await processBundle(engine, next.bundle, next.ids)).summary.succeeded).toBe(1);
  });

  test.each([1, 2])(
    'that cannot be sent to a worker fails its bundle, and the next one is answered (receive %i)',
    async (receives) => {
      const engine = await engineOf('patient');
      const source = { kind: 'elements', elements: [{ id: 'a', input: 1n }] } as const;
      const bundle = { name: 'm', source, address: {}, receives };
      await expect(engine.process(bundle, { write: () => {} })).rejects.toThrow('serialize a BigInt');
      const next = message([0, 0], receives);
      expect((await processBundle(engine, next.bundle, next.ids)).summary.succeeded).toBe(2);
    },
  );
});

describe('a value that a function returned', () => {
  test.each([
    ['before', 'nest', 'inference', 'NestingError'],
    ['before', 'contain-itself', 'inference', 'NestingError'],
    ['after', 'nest', 'write', 'TypeError'],
    ['after', 'contain-itself', 'write', 'TypeError'],
  ] as const)('%s inference fails its element alone if it is too deep: %s', async (when, deed, stage, name) => {
    const elements = [{ n: 0 }, { n: 1, [when]: deed }, { n: 2 }];
    const { outcomes } = await runBundle(await engineOf('patient'), elements);
    const [failure] = expectOnlyFailures(outcomes, [1], incremented);
    expect(failure).toMatchObject({ stage, error: { name, message: expect.stringContaining('refers to itself') } });
  });
});
