import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import type { OutcomeChunk } from '../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { expectOnlyFailures, outcomesOf, runBundle, writeBundle } from './run-bundle.ts';
import { sharedEngines, startEngine } from './start-engine.ts';

const engineOf = sharedEngines('models');
const functionsOf = sharedEngines('functions');

/** Small rows, whose results are a hundred times as large. */
function wideRows(count: number): { readonly x: readonly number[] }[] {
  return Array.from({ length: count }, (_, n) => ({ x: Array.from({ length: 30 }, () => n % 10) }));
}

async function expectUsable(engine: InferenceEngine): Promise<void> {
  const { summary } = await runBundle(engine, wideRows(10));
  expect(summary).toMatchObject({ total: 10, succeeded: 10 });
}

/** Resolves with the number of elements that were inferred on, once it has stopped growing. */
async function inferredInTheEnd({ metrics }: InferenceEngine): Promise<number> {
  let before = -1;
  await vi.waitFor(
    () => {
      const now = metrics.counter('num_inferences');
      const still = now > 0 && now === before;
      before = now;
      expect(still).toBe(true);
    },
    { timeout: 10_000, interval: 250 },
  );
  return before;
}

describe('the sink of a bundle', () => {
  test('is written one chunk after the other, in order', async () => {
    const { bundle, ids } = await writeBundle(wideRows(300));
    const chunks: OutcomeChunk[] = [];
    let writing = 0;
    const summary = await (
      await engineOf('wide')
    ).process(bundle, {
      async write(chunk) {
        writing += 1;
        expect(writing).toBe(1);
        await new Promise(setImmediate);
        chunks.push(chunk);
        writing -= 1;
      },
    });
    expect(chunks.length).toBeGreaterThan(3);
    outcomesOf(chunks, ids, summary);
  });

  test('holds the whole bundle back while it writes', async () => {
    const engine = await startEngine('models', 'wide');
    await using _ = engine;
    const COUNT = 20_000;
    const { bundle } = await writeBundle(wideRows(COUNT));
    const first = Promise.withResolvers<void>();
    const gone = new AbortController();
    const process = engine.process(bundle, { write: () => (first.resolve(), new Promise<void>(() => {})) }, gone);
    const rejected = expect(process).rejects.toThrow('enough');
    await first.promise;
    // Results of 12 KB each: 16 MiB of them, and the batches in flight, are far from all of them.
    expect(await inferredInTheEnd(engine)).toBeLessThan(COUNT / 8);
    gone.abort(new Error('enough'));
    await rejected;
    await expectUsable(engine);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('disk full'))],
  ])('ends process() when it %s, and the engine goes on with others', async (_, write) => {
    const engine = await engineOf('wide');
    const { bundle } = await writeBundle(wideRows(1000));
    let written = 0;
    const sink = {
      write: (): void | Promise<void> => {
        written += 1;
        return written === 3 ? write() : undefined;
      },
    };
    await expect(engine.process(bundle, sink)).rejects.toThrow('disk full');
    await expectUsable(engine);
    expect(written).toBe(3);
  });
});

describe('the signal of a bundle', () => {
  test('that was given already ends process() before anything is read', async () => {
    const engine = await engineOf('wide');
    const { bundle } = await writeBundle(wideRows(10));
    const write = vi.fn();
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(engine.process(bundle, { write }, { signal })).rejects.toThrow('too late');
    expect(write).not.toHaveBeenCalled();
  });

  test('ends process() with its reason at once, and what the sink has by then is a prefix', async () => {
    const engine = await engineOf('wide');
    const { bundle, ids } = await writeBundle(wideRows(2000));
    const gone = new AbortController();
    const chunks: OutcomeChunk[] = [];
    const process = engine.process(
      bundle,
      {
        write: (chunk) => {
          chunks.push(chunk);
          if (chunks.length === 3) gone.abort(new Error('changed my mind'));
        },
      },
      { signal: gone.signal },
    );
    await expect(process).rejects.toThrow('changed my mind');
    await expectUsable(engine);
    expect(chunks).toHaveLength(3);
    outcomesOf(
      chunks,
      ids.slice(
        0,
        chunks.reduce((sum, { elements }) => sum + elements, 0),
      ),
    );
  });

  test('ends a bundle that a function holds, and the engine goes on', async () => {
    const engine = await functionsOf('hasty');
    const { bundle } = await writeBundle([{ n: 1, before: 'spin' }]);
    const signal = AbortSignal.timeout(100);
    await Promise.all([
      once(signal, 'abort'),
      expect(engine.process(bundle, { write() {} }, { signal })).rejects.toMatchObject({ name: 'TimeoutError' }),
    ]);
    const { outcomes } = await runBundle(engine, [{ n: 1 }, { n: 2 }]);
    expectOnlyFailures(outcomes, [], (place) => place + 2);
  });
});

describe('an engine', () => {
  test('that is closed rejects what it is in the midst of, and whatever comes later', async () => {
    const engine = await startEngine('models', 'wide');
    const { bundle } = await writeBundle(wideRows(2000));
    const first = Promise.withResolvers<void>();
    const running = [1, 2, 3, 4].map(() =>
      expect(engine.process(bundle, { write: () => first.resolve() })).rejects.toThrow('closed'),
    );
    await first.promise;
    await engine[Symbol.asyncDispose]();
    await Promise.all(running);
    await expect(engine.process(bundle, { write() {} })).rejects.toThrow('closed');
  });

  test('reports one failure for a source that is gone', async () => {
    const { bundle } = await writeBundle(wideRows(2));
    if (bundle.source.kind !== 'range') throw new TypeError('a file is a range');
    const { start, end } = bundle.source.range;
    const chunks: OutcomeChunk[] = [];
    const gone = { ...bundle, source: { ...bundle.source, uri: `${bundle.source.uri}.gone` } };
    await (await engineOf('wide')).process(gone, { write: (chunk) => void chunks.push(chunk) });
    const [outcome] = outcomesOf(chunks, [`elements.jsonl#${start}-${end}`]);
    expect(outcome).toMatchObject({ stage: 'read', error: { name: 'SourceGone' } });
  });
});
