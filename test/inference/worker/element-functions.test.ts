import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { OutcomeChunk } from '../../../lib/inference/bundle.ts';
import { bytesOf, expectOnlyFailures, failuresOf, outcomesOf, runBundle, writeBundle } from '../run-bundle.ts';
import type { Doing } from '../fixtures/functions.config.ts';
import { sharedEngines, startEngine } from '../start-engine.ts';

const engineOf = sharedEngines('functions');

/** Numbers from 0, the one at `place` with a deed. */
function numbers(count: number, place: number, deed: Omit<Doing, 'n'>, text = ''): Doing[] {
  return Array.from({ length: count }, (_, n) => (n === place ? { n, text, ...deed } : { n, text }));
}

const incremented = (n: number): number => n + 1;

describe('a function around a handler', () => {
  test('runs in its order: preprocess functions last added first, postprocess functions first added first', async () => {
    const { outcomes } = await runBundle(await engineOf('order'), [1, 2]);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual([413, 513]);
  });

  test.each([
    ['preprocess[0]', 'throws', { before: 'throw' }, { name: 'BadInputError', message: 'not this one' }],
    ['preprocess[0]', 'rejects', { before: 'reject' }, { name: 'BadInputError', message: 'not this one' }],
    ['postprocess[0]', 'throws', { after: 'throw' }, { name: 'BadInputError', message: 'not this one' }],
    ['postprocess[0]', 'rejects', { after: 'reject' }, { name: 'BadInputError', message: 'not this one' }],
    [
      'read',
      'finds the element unreadable',
      { before: 'unreadable' },
      { name: 'ImageDecodeError', message: 'not an image' },
    ],
  ] as const)('fails its element alone at %s when it %s', async (stage, _, deed, error) => {
    const { outcomes } = await runBundle(await engineOf('hasty'), numbers(40, 20, deed));
    const [failure] = expectOnlyFailures(outcomes, [20], incremented);
    expect(failure).toMatchObject({ stage, error, input: { n: 20, ...deed } });
  });

  test('may be async', async () => {
    const elements = Array.from({ length: 40 }, (_, n) => ({ n, before: 'later', after: 'later' }));
    const { outcomes } = await runBundle(await engineOf('hasty'), elements);
    expectOnlyFailures(outcomes, [], incremented);
  });

  test.each([
    ['preprocess[0]', 'spins', { before: 'spin' }],
    ['preprocess[0]', 'spins after it has waited', { before: 'spin-later' }],
    ['preprocess[0]', 'never resolves', { before: 'never' }],
    ['postprocess[0]', 'spins', { after: 'spin' }],
    ['postprocess[0]', 'never resolves', { after: 'never' }],
  ] as const)('fails its element alone at %s with a TimeoutError when it %s', async (stage, _, deed) => {
    const { outcomes } = await runBundle(await engineOf('hasty'), numbers(40, 20, deed));
    const [failure] = expectOnlyFailures(outcomes, [20], incremented);
    expect(failure).toMatchObject({
      stage,
      error: {
        name: 'TimeoutError',
        message: expect.stringContaining(`${stage} took longer than 'timeoutSecs' (0.5 s)`),
      },
    });
  });

  test.each([{ before: 'spin' }, { after: 'spin' }] as const)(
    'that stands still late in a bundle (%o) costs no outcome that was already given, and gives none twice',
    async (deed) => {
      const elements = numbers(2000, 1900, deed, 'long line '.repeat(100));
      const { bundle, ids } = await writeBundle(elements);
      const chunks: OutcomeChunk[] = [];
      const engine = await engineOf('hasty');
      const summary = await engine.process(bundle, { write: (chunk) => void chunks.push(chunk) });
      const outcomes = outcomesOf(chunks, ids, summary);
      expectOnlyFailures(outcomes, [1900], incremented);
      expect(chunks.length).toBeGreaterThan(3);
    },
  );

  test('that stands still in one bundle leaves the other bundles of its worker alone', async () => {
    const engine = await engineOf('hasty');
    const [stuck, ...others] = await Promise.all([
      runBundle(engine, numbers(40, 3, { before: 'spin' })),
      runBundle(engine, numbers(600, -1, {})),
      runBundle(engine, numbers(600, -1, {})),
    ]);
    expectOnlyFailures(stuck.outcomes, [3], incremented);
    for (const { outcomes } of others) expectOnlyFailures(outcomes, [], incremented);
  });
});

describe('a function that measures elements for their batches', () => {
  test.each([
    ['throws', { before: 'throw' }, 'BadInputError'],
    ['spins', { before: 'spin' }, 'TimeoutError'],
  ] as const)('fails its element alone at inference when it %s', async (_, deed, name) => {
    const { outcomes } = await runBundle(await engineOf('measured'), numbers(40, 20, deed));
    expect(failuresOf(outcomes)).toMatchObject([{ stage: 'inference', error: { name }, input: { n: 20 } }]);
  });
});

describe('a function that ends its worker', () => {
  test.each([
    ['aborts', 'preprocess[0]', { before: 'abort' }, 'SIGABRT'],
    ['exits', 'postprocess[0]', { after: 'exit' }, 'status 3'],
  ] as const)(
    'fails its element alone when it %s at %s and the bundle was received before',
    async (_, stage, deed, how) => {
      const { outcomes } = await runBundle(await engineOf('patient'), numbers(40, 20, deed), { receives: 2 });
      const [failure] = expectOnlyFailures(outcomes, [20], incremented);
      expect(failure).toMatchObject({
        stage,
        error: { name: 'WorkerCrashedError', message: expect.stringContaining(how) },
      });
    },
  );

  test('fails its element alone when it exits the thread in a bundle that was never received before', async () => {
    const { outcomes } = await runBundle(await engineOf('patient'), numbers(40, 20, { before: 'exit' }));
    const [failure] = expectOnlyFailures(outcomes, [20], incremented);
    expect(failure).toMatchObject({ stage: 'preprocess[0]', error: { name: 'WorkerCrashedError' } });
  });

  test('stands still in a process of its own: its element fails alone', async () => {
    const { outcomes } = await runBundle(await engineOf('hasty'), numbers(20, 7, { before: 'spin' }), { receives: 2 });
    const [failure] = expectOnlyFailures(outcomes, [7], incremented);
    expect(failure).toMatchObject({ stage: 'preprocess[0]', error: { name: 'TimeoutError' } });
  });
});

describe('a sequence of steps', () => {
  test('gives each step what the one before gave, and functions the element as it was read', async () => {
    const elements = [{ n: 1 }, { n: 5, id: 'mine' }];
    const { outcomes } = await runBundle(await engineOf('sequence'), elements);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(
      elements.map((input, place) => ({ n: input.n + 3, id: outcomes[place]?.id, key: null, input })),
    );
    expect(outcomes[0]?.model).toEqual(['Increment', 'Picky']);
  });

  test.each([
    ['step[0].preprocess[0]', { before: 'throw' }],
    ['step[1].map', { between: 'throw' }],
    ['step[2].inference', { trouble: true }],
    ['step[2].postprocess[0]', { after: 'throw' }],
  ] as const)('names the stage of a failure: %s', async (stage, deed) => {
    const { outcomes } = await runBundle(await engineOf('sequence'), numbers(10, 4, deed));
    expect(failuresOf(outcomes)).toHaveLength(1);
    expect(outcomes[4]).toMatchObject({ stage, error: { name: 'BadInputError' }, input: { n: 4, ...deed } });
  });

  test('keeps the row of a CSV file as it was read, whatever functions do to it', async () => {
    await using engine = await startEngine('functions', 'rows');
    const { bundle } = await writeBundle([]);
    const { source } = bundle;
    if (source.kind !== 'range') throw new TypeError('a file is a range');
    const text = 'name,n\na,1\nb,2\n';
    await writeFile(source.uri, text);
    const range = { start: 7, end: text.length, header: ['name', 'n'] };
    const chunks: OutcomeChunk[] = [];
    await engine.process({ ...bundle, source: { ...source, range } }, { write: (chunk) => void chunks.push(chunk) });
    const lines = bytesOf(chunks)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toEqual(
      [
        ['a', '1'],
        ['b', '2'],
      ].map(([name, n]) => ({
        id: name,
        prediction: { n: Number(n) + 1, id: name, key: null, input: { name, n } },
        input: { name, n },
        model: 'Increment',
      })),
    );
  });
});
