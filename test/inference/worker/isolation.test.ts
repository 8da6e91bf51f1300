import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Attempt, FatalBatchError, type Isolation, runIsolated } from '../../../lib/inference/worker/isolation.ts';
import type { BatchFailure } from '../../../lib/inference/worker-protocol.ts';

type Cause = BatchFailure['cause'];

/** A model that fails for some elements, and for batches of more than it has room for. */
interface Trouble {
  readonly size: number;
  readonly poison: ReadonlyMap<number, Exclude<Cause, 'fatal'>>;
  readonly room: number;
  readonly ceiling: number;
  /** Whether the first run is together with another bundle's. */
  readonly shared: boolean;
}

function failed(cause: Cause, shared = false): Attempt {
  const tooLargeFor =
    cause === 'memory' ? { tooLargeFor: cause } : cause === 'timeout' ? { tooLargeFor: 'time' as const } : {};
  return { ok: false, failure: { cause, error: { name: cause, message: '' }, shared, ...tooLargeFor } };
}

async function isolate({ size, poison, room, ceiling, shared }: Trouble) {
  const items = Array.from({ length: size }, (_, n) => n);
  const runs: number[][] = [];
  const results: number[] = [];
  const failures = new Map<number, Cause>();
  const recovered: number[] = [];
  const isolation: Isolation<number> = {
    onTimeout: 'fail',
    ceiling: () => ceiling,
    attempt: async (batch, { isolating }) => {
      runs.push([...batch]);
      if (shared && !isolating) return failed('error', true);
      if (batch.length > room) return failed('memory');
      const cause = batch.map((n) => poison.get(n)).find((cause) => cause !== undefined);
      if (cause !== undefined) return failed(cause);
      results.push(...batch);
      return { ok: true };
    },
    recovered: (size) => recovered.push(size),
    fail: (n, { cause }) => {
      expect(failures.has(n)).toBe(false);
      failures.set(n, cause);
    },
  };
  const allSucceeded = await runIsolated(items, isolation);
  return { items, runs, results, failures, recovered, allSucceeded };
}

const trouble: fc.Arbitrary<Trouble> = fc.integer({ min: 1, max: 130 }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    poison: fc
      .array(
        fc.tuple(
          fc.integer({ min: 0, max: size - 1 }),
          fc.constantFrom('error' as const, 'timeout' as const, 'memory' as const, 'crash' as const),
        ),
        { maxLength: 5 },
      )
      .map((entries) => new Map(entries)),
    room: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 64 })),
    ceiling: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 64 })),
    shared: fc.boolean(),
  }),
);

describe('runIsolated', () => {
  test('fails those elements that cause it and no others, each once, and gives all others one result, in order', async () => {
    await fc.assert(
      fc.asyncProperty(trouble, async (given) => {
        const { items, results, failures, allSucceeded } = await isolate(given);
        expect(new Set(failures.keys())).toEqual(new Set(given.poison.keys()));
        expect(results).toEqual(items.filter((n) => !given.poison.has(n)));
        expect(allSucceeded).toBe(given.poison.size === 0);
      }),
    );
  });

  test('takes at most 2 · log2(n) runs more for each poison element', async () => {
    await fc.assert(
      fc.asyncProperty(trouble, async (given) => {
        const { runs } = await isolate({ ...given, room: Infinity, ceiling: Infinity, shared: false });
        const memory = [...given.poison.values()].filter((cause) => cause === 'memory').length;
        const halvings = Math.ceil(Math.log2(given.size));
        // An element that says it is out of memory is tried once more by itself, in a single row.
        expect(runs.length).toBeLessThanOrEqual(1 + given.poison.size * 2 * halvings + memory);
      }),
    );
  });

  test('runs no batch above the ceiling', async () => {
    await fc.assert(
      fc.asyncProperty(trouble, async (given) => {
        const { runs } = await isolate(given);
        expect(Math.max(...runs.map((run) => run.length))).toBeLessThanOrEqual(given.ceiling);
      }),
    );
  });

  test('makes the same batches of what fits whether the ceiling was known or found out', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 1, max: 64 }), async (power, room) => {
        // Halves of other sizes than powers of two differ by one, and the remembered size is that of the smaller ones.
        const given = { size: 2 ** power, room, poison: new Map(), shared: false };
        const fitting = (runs: readonly number[][]) => runs.filter((run) => run.length <= room);
        const found = await isolate({ ...given, ceiling: Infinity });
        // What is remembered: half of the smallest batch that did not fit and whose halves did.
        const known = await isolate({ ...given, ceiling: Math.ceil(Math.min(...found.recovered, Infinity) / 2) });
        expect(known.runs).toEqual(fitting(found.runs));
        expect(known.recovered).toEqual([]);
      }),
    );
  });

  test('says a size was recovered only where both halves succeeded', async () => {
    const poison = new Map([[3, 'memory' as const]]);
    const given = { size: 32, room: 8, ceiling: Infinity, shared: false };
    expect((await isolate({ ...given, poison: new Map() })).recovered).toEqual([16, 16, 32]);
    expect((await isolate({ ...given, poison })).recovered).toEqual([16]);
    expect((await isolate({ ...given, room: Infinity, poison })).recovered).toEqual([]);
  });

  test('cuts what is still to come by a ceiling that it has just found out', async () => {
    let ceiling = Infinity;
    const runs: number[] = [];
    const succeeded = await runIsolated(Array.from({ length: 64 }).fill(0), {
      onTimeout: 'fail',
      ceiling: () => ceiling,
      attempt: async ({ length }) => {
        runs.push(length);
        return length > 8 ? failed('memory') : { ok: true };
      },
      recovered: (size) => {
        ceiling = Math.min(ceiling, size / 2);
      },
      fail: () => expect.fail('memory holds any one'),
    });
    expect(succeeded).toBe(true);
    expect(runs).toEqual([64, 32, 16, 8, 8, 8, 8, 8, 8, 8, 8]);
  });

  test('says what a batch was too large for: memory, or the whole of its time', async () => {
    const sizes: [number, string][] = [];
    const succeeded = await runIsolated([1, 2, 3, 4], {
      onTimeout: 'fail',
      ceiling: () => Infinity,
      attempt: async ({ length }) => (length > 2 ? failed('timeout') : length > 1 ? failed('memory') : { ok: true }),
      recovered: (size, limit) => void sizes.push([size, limit]),
      fail: () => expect.fail('each is through alone'),
    });
    expect(succeeded).toBe(true);
    expect(sizes).toEqual([
      [2, 'memory'],
      [2, 'memory'],
      [4, 'time'],
    ]);
  });

  test.each([
    ['all of them', (): boolean => true, [64, 1, 1], 64],
    ['both ends, as all do', (n: number): boolean => n % 2 === 0 || n === 63, [64, 1, 1], 64],
    ['one in the middle', (n: number): boolean => n === 30, [64, 1, 1, 62], 1],
    ['one at an end', (n: number): boolean => n === 0, [64, 1, 1, 62], 1],
  ])('gives up a handler that gives no list of results for %s', async (_, isWrong, first, failures) => {
    const runs: number[] = [];
    const wrong: number[] = [];
    await runIsolated(
      Array.from({ length: 64 }, (_, n) => n),
      {
        onTimeout: 'fail',
        ceiling: () => Infinity,
        attempt: async (items) => {
          runs.push(items.length);
          return items.some(isWrong) ? failed('contract') : { ok: true };
        },
        recovered: () => {},
        fail: (n) => void wrong.push(n),
      },
    );
    expect(runs.slice(0, first.length)).toEqual(first);
    expect(wrong).toHaveLength(failures);
    expect(new Set(wrong).size).toBe(failures);
  });

  test("tries an element that ran out of time until it succeeds, by 'retry'", async () => {
    let left = 5;
    const succeeded = await runIsolated([1], {
      ceiling: () => Infinity,
      onTimeout: 'retry',
      attempt: async () => (left-- > 0 ? failed('timeout') : { ok: true }),
      recovered: () => {},
      fail: () => expect.fail('it is not given up'),
    });
    expect(succeeded).toBe(true);
    expect(left).toBe(-1);
  });

  test('throws where the pipeline cannot go on', async () => {
    const isolation: Isolation<number> = {
      onTimeout: 'fail',
      ceiling: () => Infinity,
      attempt: async () => failed('fatal'),
      recovered: () => {},
      fail: () => expect.fail('no element is to blame'),
    };
    await expect(runIsolated([1, 2], isolation)).rejects.toBeInstanceOf(FatalBatchError);
  });
});
