import { rm } from 'node:fs/promises';
import { array, assert, asyncProperty, integer, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_RECEIVES } from '../../../lib/config/delivery.ts';
import type { Deadline } from '../../../lib/jobs/fabric-ports.ts';
import { OutcomeSpool } from '../../../lib/jobs/commit/outcome-spool.ts';
import { lastNoteKey } from '../../../lib/jobs/output-layout.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { benchOf, engines, jobOf, lettersIn, linesIn, START } from './processor-bench.ts';
import { scriptedEngine } from './scripted-engine.ts';

const engineOf = engines();
const DAY = 24 * 60 * 60 * 1000;

/** A run that was broken off, `used` of its 60 s ago. */
function over(used: number): Deadline {
  const times = [60_000, 60_000, 60_000 - used];
  return {
    signal: AbortSignal.abort(new Error('time is over')),
    remainingMillis: () => times.shift() ?? 60_000 - used,
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a bundle that is handed back', () => {
  test('has one outcome for each element, and each was run once, whatever prefixes were handed back', async () => {
    const script = record({
      elements: integer({ min: 0, max: 30 }),
      chunkElements: integer({ min: 1, max: 7 }),
      failing: integer({ min: 1, max: 5 }),
      chunksOfRuns: array(integer({ min: 1, max: 4 }), { maxLength: 6 }),
    });
    await assert(
      asyncProperty(script, async ({ elements, chunkElements, failing, chunksOfRuns }) => {
        const left = [...chunksOfRuns];
        let controller = new AbortController();
        const engine = scriptedEngine({
          elements,
          chunkElements,
          fails: (n) => n % failing === 0,
          afterChunk: (written) => {
            if (written >= (left[0] ?? Infinity) * chunkElements) controller.abort(new Error('time is over'));
          },
        });
        const { store, bundles, deadLetters, deliver, drain } = benchOf(engine);
        const { messages, place } = await jobOf(store, [0]);
        const first = await deliver(messages[0] ?? {});
        await bundles.changeVisibility(first.receiptHandle, 0);
        const errors = await drain(undefined, () => {
          if (controller.signal.aborted) left.shift();
          controller = new AbortController();
          return deadlineOf(controller);
        });
        expect(errors).toEqual([]);
        const results = linesIn(store.text('out', place().part)).map(({ prediction }) => prediction);
        const failures = linesIn(store.text('out', place().errors)).map(({ input }) => input);
        const all = Array.from({ length: elements }, (_, n) => n);
        expect(results).toEqual(all.filter((n) => n % failing !== 0));
        expect(failures).toEqual(all.filter((n) => n % failing === 0));
        expect(engine.runs.every((runs) => runs === 1)).toBe(true);
        expect((await store.head({ bucket: 'out', key: place().part }))?.metadata).toMatchObject({
          elements: String(elements),
          succeeded: String(results.length),
        });
        expect(new Set(lettersIn(deadLetters.sent).map(({ input }) => input))).toEqual(new Set(failures));
      }),
      { numRuns: 40 },
    );
  });

  test('has one outcome for each element wherever an attempt at it was cut off', async () => {
    const elements = 9;
    const run = async (cutAt: number, answerLost: boolean): Promise<number> => {
      let controller = new AbortController();
      const engine = scriptedEngine({
        elements,
        chunkElements: 2,
        fails: (n) => n % 4 === 1,
        afterChunk: (written) => {
          if (written === 4) controller.abort(new Error('time is over'));
        },
      });
      const { store, bundles, deadLetters, deliver, drain } = benchOf(engine);
      const { messages, place } = await jobOf(store, [0]);
      let calls = 0;
      const cut = (): void => {
        calls += 1;
        if (calls === cutAt) throw unavailable();
      };
      const first = await deliver(messages[0] ?? {});
      await bundles.changeVisibility(first.receiptHandle, 0);
      for (const { faults } of [store, bundles, deadLetters]) faults[answerLost ? 'after' : 'before'] = cut;
      const receive = async (): Promise<readonly unknown[]> =>
        drain(undefined, () => deadlineOf((controller = new AbortController())));
      // A poller that can't receive tries again.
      await receive().catch(receive);
      expect(linesIn(store.text('out', place().part)).map(({ prediction }) => prediction)).toEqual([
        0, 2, 3, 4, 6, 7, 8,
      ]);
      expect(linesIn(store.text('out', place().errors)).map(({ input }) => input)).toEqual([1, 5]);
      expect(new Set(lettersIn(deadLetters.sent).map(({ input }) => input))).toEqual(new Set([1, 5]));
      return calls;
    };
    const calls = await run(0, false);
    expect(calls).toBeGreaterThan(30);
    for (let cutAt = 1; cutAt <= calls; cutAt += 1)
      for (const answerLost of [false, true]) await run(cutAt, answerLost);
  });

  test('does not leave the pieces of a chunk that could not be written whole', async () => {
    const controller = new AbortController();
    const whole = scriptedEngine({ elements: 3, chunkElements: 1, fails: (n) => n === 2 });
    const full: typeof whole = {
      ...whole,
      async process(bundle, sink) {
        const lineOf = (n: number) => bytes(`{"id":"${bundle.name}#${n}","prediction":${n}}\n`);
        await sink.write({ results: lineOf(0), errors: bytes(''), elements: 1, succeeded: 1, failed: {}, models: {} });
        // The disk takes the results and not the errors.
        if (sink instanceof OutcomeSpool) await sink.errors.close();
        const chunk = {
          results: lineOf(1),
          errors: bytes('{}\n'),
          elements: 2,
          succeeded: 1,
          failed: { map: 1 },
          models: {},
        };
        await Promise.resolve(sink.write(chunk)).catch(() => {});
        controller.abort();
        throw new Error('time is over');
      },
    };
    const { store, deliver, processor, bundles, another, drain } = benchOf(full);
    const { messages, place } = await jobOf(store, [0, 1, 2]);
    const received = await deliver(messages[0] ?? {});
    await processor.process(received, deadlineOf(controller));
    await bundles.delete(received.receiptHandle);
    expect(await drain(another(whole))).toEqual([]);
    expect(linesIn(store.text('out', place().part)).map(({ prediction }) => prediction)).toEqual([0, 1]);
  });

  test('whose source is gone by then is one failure, which stands for its range', async () => {
    const controller = new AbortController();
    const first = scriptedEngine({
      elements: 4,
      chunkElements: 2,
      fails: () => false,
      afterChunk: () => controller.abort(),
    });
    const { store, bundles, processor, another, deliver, drain } = benchOf(first);
    const { messages, place, path } = await jobOf(store, [0, 1, 2, 3]);
    const received = await deliver(messages[0] ?? {});
    await processor.process(received, deadlineOf(controller));
    await bundles.delete(received.receiptHandle);
    await rm(path);
    expect(await drain(another(await engineOf('double')))).toEqual([]);
    expect(store.text('out', place().part)).toBe('');
    expect(linesIn(store.text('out', place().errors))).toMatchObject([
      { id: 'numbers.jsonl#0-8', stage: 'read', error: { name: 'SourceGone' } },
    ]);
  });

  const nothing = scriptedEngine({ elements: 4, chunkElements: 1, fails: () => false });

  test('without an outcome counts as failed if it had its full time, and costs nothing if it had not', async () => {
    const { store, processor, bundles, deliver } = benchOf(nothing);
    const { messages } = await jobOf(store, [0]);
    await processor.process(await deliver(messages[0] ?? {}), over(10_000));
    expect(bundles.sent).toHaveLength(2);
    await expect(processor.process(await deliver(messages[0] ?? {}), over(50_000))).rejects.toThrow(
      expect.objectContaining({ name: 'NoProgressError', message: expect.stringContaining('had 50 s') as string }),
    );
  });

  test('with outcomes goes on, however much time they took', async () => {
    const controller = new AbortController();
    const slow = scriptedEngine({
      elements: 4,
      chunkElements: 1,
      fails: () => false,
      afterChunk: () => controller.abort(),
    });
    const { store, processor, deliver, telemetry } = benchOf(slow);
    const { messages } = await jobOf(store, [0]);
    await processor.process(await deliver(messages[0] ?? {}), { ...over(50_000), signal: controller.signal });
    expect(telemetry.counts).toEqual({ bundles_handed_back: 1 });
  });

  test('is given up after three days, with a note that says so', async () => {
    const { store, processor, bundles, deliver, clock } = benchOf(nothing);
    const { messages, recorded } = await jobOf(store, [0]);
    clock.now += 4 * DAY;
    await processor.process(await deliver({ ...messages[0], attempts: 70, firstSentAt: START }), over(10_000));
    expect(bundles.sent).toHaveLength(1);
    expect(store.json('out', lastNoteKey(recorded.job, 0, 1))).toEqual({
      until: clock.now,
      error: { name: 'TooOldError', message: expect.stringContaining('4.0 days') as string },
    });
  });

  test('at its last receive has no note any more that says that it is parked', async () => {
    const { store, processor, deliver, next, bundles } = benchOf(
      scriptedEngine({ elements: 4, chunkElements: 1, fails: () => false, afterChunk: () => controller.abort() }),
    );
    let controller = new AbortController();
    const { messages, recorded } = await jobOf(store, [0]);
    let received = await deliver(messages[0] ?? {});
    for (let receive = 1; receive < MAX_RECEIVES; receive += 1) received = (await next()) ?? received;
    const note = lastNoteKey(recorded.job, 0, 1);
    const notes: boolean[] = [];
    bundles.faults.before = () => void notes.push(store.text('out', note) !== undefined);
    controller = new AbortController();
    await processor.process(received, deadlineOf(controller));
    // Hidden, then sent again.
    expect(notes).toEqual([true, false]);
    expect(store.calls.filter(({ operation, key }) => operation === 'put' && key === note)).toHaveLength(1);
    expect(JSON.parse(bundles.sent[1]?.body ?? '')).toMatchObject({ attempts: 1 });
  });
});
