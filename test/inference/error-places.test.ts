import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runBundle } from './run-bundle.ts';
import { sharedEngines } from './start-engine.ts';

const PLACES: readonly (readonly [where: string, at: string | undefined])[] = [
  ['map', 'places/pre.ts:10:73'],
  ['parse', 'places/pre.ts:14:43'],
  ['filter', 'places/pre.ts:19:33'],
  ['batches', 'places.config.ts:34:9'],
  ['preprocess', 'places.config.ts:34:9'],
  ['batchKey', 'places.config.ts:15:37'],
  ['handler', 'places.config.ts:9:46'],
  ['postprocess', 'places.config.ts:34:9'],
  ['split', 'places.config.ts:34:9'],
  // The thrown value is not an error, or is one of the fabric.
  ['text', undefined],
  ['bare', undefined],
  ['write', undefined],
];

describe('the place of an error in the code of the user', () => {
  const engineOf = sharedEngines('places');
  const elements = PLACES.map(([where]) => ({ where, text: 'no JSON' }));

  test.each([
    ['in a thread', 1],
    ['in a process of the bundle’s own', 2],
  ])('is in the errors lines of its functions and handlers, %s', async (_, receives) => {
    const { outcomes } = await runBundle(await engineOf('marked'), elements, { receives });
    const places = outcomes.map(({ error }, index) => [PLACES[index]?.[0], error?.at]);
    expect(places).toEqual(PLACES);
    expect(outcomes.every(({ error }) => error !== undefined)).toBe(true);
  });

  test('is kept by what ends a run', async () => {
    const run = runBundle(await engineOf('mute'), elements);
    const config = fileURLToPath(new URL('fixtures/places.config.ts', import.meta.url));
    await expect(run).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: 'no voice',
      stack: expect.stringContaining(`${config}:22:11`) as unknown,
    });
  });
});
