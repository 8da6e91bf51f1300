import { describe, expect, test } from 'vitest';
import { listResults, RESULT_KIND } from '../../lib/models/batch-results.ts';

const expected = { giver: 'runInference', count: 3 };

function* threeThings(): Generator<string> {
  yield* ['a', 'b', 'c'];
}

async function* threeToCome(): AsyncGenerator<string> {
  yield* ['a', 'b', 'c'];
}

function* endless(): Generator<number> {
  for (;;) yield 1;
}

async function* endlessToCome(): AsyncGenerator<number> {
  for (;;) yield 1;
}

class Scores {
  readonly label = 'secret';
}

describe('listResults', () => {
  test.each<[kind: string, given: unknown, results: readonly unknown[]]>([
    ['an array', [1, 2, 3], [1, 2, 3]],
    ['an array with a hole', Object.assign([], { 1: 'b', length: 3 }), [undefined, 'b', undefined]],
    ['a promise of an array', Promise.resolve([1, 2, 3]), [1, 2, 3]],
    ['an array of promises', [Promise.resolve(1), 2, Promise.resolve(3)], [1, 2, 3]],
    ['a generator', threeThings(), ['a', 'b', 'c']],
    ['an async generator', threeToCome(), ['a', 'b', 'c']],
    ['a set', new Set([1, 2, 3]), [1, 2, 3]],
    [
      'the values of a map',
      new Map([
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ]).values(),
      [1, 2, 3],
    ],
    ['a typed array', Float32Array.of(1, 0.5, 3), [1, 0.5, 3]],
    ['a typed array of bigints', BigInt64Array.of(1n, 2n, 3n), [1n, 2n, 3n]],
    ['bytes', Buffer.from([1, 2, 3]), [1, 2, 3]],
  ])('takes %s', async (_, given, results) => {
    expect([...(await listResults(given, expected))]).toEqual(results);
  });

  test.each<[given: unknown, got: string]>([
    [[1], 'got 1 for 3'],
    [[1, 2, 3, 4], 'got 4 for 3'],
    [new Set([1, 2]), 'got 2 for 3'],
    [endless(), 'got more than 3 for 3'],
    [endlessToCome(), 'got more than 3 for 3'],
    [new Float32Array(12), 'got more than 3 for 3'],
  ])('refuses another number of results: %o', async (given, got) => {
    await expect(listResults(given, expected)).rejects.toMatchObject({
      name: 'ResultCountError',
      code: 'RESULT_COUNT',
      message: `runInference must give one result for each element: ${got}`,
    });
  });

  test.each<[given: unknown, got: string]>([
    [undefined, 'undefined (does the function return?)'],
    [null, 'null'],
    [5, 'a number'],
    ['abc', 'a string'],
    [() => [1, 2, 3], 'a function'],
    [
      new Map([
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ]),
      'a Map',
    ],
    [new Scores(), 'a Scores'],
    [{ label: 'secret' }, 'an object'],
    [{ label: ['a'], score: [1] }, 'an object'],
    [
      { label: ['a', 'b', 'c'], score: new Float32Array(3) },
      'an object of columns (give an object for each element instead)',
    ],
  ])('says what was given instead of a list: %o', async (given, got) => {
    const message = `runInference must give one result for each element, as an array or another iterable: got ${got}`;
    await expect(listResults(given, expected)).rejects.toMatchObject({ code: RESULT_KIND, message });
  });
});
