import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { MAX_RECEIVES } from '../../../lib/config/delivery.ts';
import type { OutcomeSink } from '../../../lib/inference/bundle.ts';
import { lastNoteKey, stopKey } from '../../../lib/jobs/output-layout.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { benchOf, type Engine, engines, jobOf, lettersIn, linesIn, START } from './processor-bench.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const engineOf = engines();
const NUMBERS = [{ n: 0 }, { n: 1, bad: true }, { n: 2 }, { n: 3, bad: true }];
const MINUTE = 60_000;

describe('a bundle of a job', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await engineOf('double');
  });

  test('becomes a part that says all that is known of it, its errors and its dead letters', async () => {
    const { store, bundles, processor, deadLetters, deliver, telemetry } = benchOf(engine);
    const { messages, recorded, path, place } = await jobOf(store, NUMBERS);
    const received = await deliver(messages[0] ?? {});
    await processor.process(received, deadlineOf());

    const job = recorded.job.id;
    const { part, errors } = place();
    expect(linesIn(store.text('out', part)).map(({ id, prediction }) => [id, prediction])).toEqual([
      ['numbers.jsonl#0', 0],
      ['numbers.jsonl#27', 4],
    ]);
    const failed = linesIn(store.text('out', errors));
    expect(failed.map(({ error }) => error?.message)).toEqual(['no 1, please', 'no 3, please']);
    expect(failed[1]?.source).toMatchObject({ uri: path, range: { start: 0 }, position: 35, ordinal: 3 });
    expect(lettersIn(deadLetters.sent)).toEqual(
      failed.map((line) => Object.assign({ version: 1, pipeline: 'double', job }, line)),
    );
    expect(deadLetters.sent[0]?.attributes).toEqual({ pipeline: 'double', stage: 'map', errorName: 'RangeError' });
    const { details = '', ...metadata } = (await store.head({ bucket: 'out', key: part }))?.metadata ?? {};
    expect(metadata).toMatchObject({ job, elements: '4', succeeded: '2' });
    expect(JSON.parse(details)).toEqual({
      failedByStage: { map: 2 },
      models: {},
      measures: expect.objectContaining({ batchSizes: [], retries: 0 }),
    });
    expect(telemetry.counts).toEqual({ bundles_committed: 1, elements_succeeded: 2, elements_failed: 2 });
    // The message is hidden for as long as this run can live, and a minute: then another one may take it.
    expect(bundles.nextVisibleAt).toBe(START + 2 * MINUTE);
  });

  test('is committed once, and has no more letters, when it is delivered twice', async () => {
    const { store, processor, deadLetters, deliver, telemetry } = benchOf(engine);
    const { messages, place } = await jobOf(store, NUMBERS);
    await processor.process(await deliver(messages[0] ?? {}), deadlineOf());
    const before = await store.head({ bucket: 'out', key: place().part });
    await processor.process(await deliver(messages[0] ?? {}), deadlineOf());
    expect(await store.head({ bucket: 'out', key: place().part })).toEqual(before);
    expect(deadLetters.sent).toHaveLength(2);
    expect(telemetry.counts.bundles_committed).toBe(1);
  });

  test('is committed once by processors that race, each of which acknowledges it', async () => {
    const { store, another, deadLetters, deliver, telemetry } = benchOf(engine);
    const { messages, place } = await jobOf(store, NUMBERS);
    const received = [await deliver(messages[0] ?? {}), await deliver(messages[0] ?? {})];
    // Neither commits before both have run.
    const both = Promise.withResolvers<void>();
    let staged = 0;
    store.faults.before = async ({ operation, key }) => {
      if (operation !== 'put' || !key.endsWith('.errors.jsonl')) return;
      staged += 1;
      if (staged === 2) both.resolve();
      await both.promise;
    };
    await Promise.all(received.map((message) => another().process(message, deadlineOf())));
    expect(telemetry.counts).toMatchObject({ bundles_committed: 1, elements_failed: 2 });
    expect(store.keys('out', place().part.replace(/part-.*/, ''))).toEqual([
      place().errors,
      `${place().part.replace(/part-.*/, '')}_job.json`,
      place().part,
    ]);
    expect(new Set(lettersIn(deadLetters.sent).map(({ id }) => id)).size).toBe(2);
  });

  test('that was cut off between its part and its errors is completed when it comes again', async () => {
    const { store, processor, deadLetters, deliver, next } = benchOf(engine);
    const { messages, place } = await jobOf(store, NUMBERS);
    store.faults.before = ({ operation }) => {
      if (operation === 'copy') throw unavailable();
    };
    await expect(processor.process(await deliver(messages[0] ?? {}), deadlineOf())).rejects.toThrow('unavailable');
    expect(store.text('out', place().errors)).toBeUndefined();
    store.faults.before = undefined;
    const again = await next();
    expect(again?.receiveCount).toBe(2);
    if (again !== undefined) await processor.process(again, deadlineOf());
    expect(linesIn(store.text('out', place().errors))).toHaveLength(2);
    expect(deadLetters.sent).toHaveLength(4);
  });

  test('whose staged errors are gone is settled no further, with a warning', async () => {
    const { store, processor, deliver, telemetry } = benchOf(engine);
    const { messages, place, recorded } = await jobOf(store, NUMBERS);
    await processor.process(await deliver(messages[0] ?? {}), deadlineOf());
    for (const key of [
      place().errors,
      ...store.keys('out', `.fabric/${recorded.job.pipeline}/${recorded.job.id}/part`),
    ]) {
      await store.delete({ bucket: 'out', key });
    }
    await processor.process(await deliver(messages[0] ?? {}), deadlineOf());
    expect(telemetry.warnings).toEqual([expect.stringContaining('staged errors of a part are gone')]);
  });

  test('whose source is gone is one failure, which stands for its range', async () => {
    const { store, processor, deadLetters, deliver } = benchOf(engine);
    const { messages, path, place } = await jobOf(store, NUMBERS);
    await rm(path);
    await processor.process(await deliver(messages[0] ?? {}), deadlineOf());
    const [only, ...others] = linesIn(store.text('out', place().errors));
    expect(others).toEqual([]);
    expect(only).toMatchObject({ id: 'numbers.jsonl#0-54', stage: 'read', error: { name: 'SourceGone' } });
    expect(store.text('out', place().part)).toBe('');
    expect(deadLetters.sent).toHaveLength(1);
  });

  test('of a job that is stopped is left out', async () => {
    const { store, processor, deliver } = benchOf(engine);
    const { messages, place, recorded } = await jobOf(store, NUMBERS);
    await store.put({ bucket: 'out', key: stopKey(recorded.job) }, '');
    await processor.process(await deliver(messages[0] ?? {}), deadlineOf());
    expect(store.text('out', place().part)).toBeUndefined();
  });

  test('of a job that nobody recorded fails, and comes again later each time', async () => {
    const { store, processor, bundles, deliver, next, clock } = benchOf(engine);
    const { messages } = await jobOf(store, NUMBERS);
    let received = await deliver({ ...messages[0], job: 'nobody' });
    const waits: number[] = [];
    for (let receive = 1; receive < MAX_RECEIVES; receive += 1) {
      await expect(processor.process(received, deadlineOf())).rejects.toThrow('no record of job nobody');
      waits.push(((bundles.nextVisibleAt ?? 0) - clock.now) / 1000);
      received = (await next()) ?? received;
    }
    expect(waits).toEqual([5, 20, 80, 300]);
  });

  test('that its plan does not have is refused', async () => {
    const { store, processor, deadLetters, deliver } = benchOf(engine);
    const { messages } = await jobOf(store, NUMBERS);
    await processor.process(await deliver({ ...messages[0], bundle: 7, of: 9 }), deadlineOf());
    expect(lettersIn(deadLetters.sent)).toMatchObject([{ stage: 'read', error: { name: 'InvalidMessageError' } }]);
  });

  test('leaves a note at its last receive, which says in the end what it failed with', async () => {
    const broken = {
      ...engine,
      pipeline: engine.pipeline,
      models: {},
      process: () => Promise.reject(new Error('no model')),
    };
    const { store, processor, deliver, next, clock } = benchOf(broken);
    const { messages, recorded } = await jobOf(store, NUMBERS);
    const note = lastNoteKey(recorded.job, 0, 1);
    const notes: unknown[] = [];
    store.faults.after = ({ operation, key }) => {
      if (operation === 'put' && key === note) notes.push(store.json('out', key));
    };
    let received = await deliver(messages[0] ?? {});
    for (let receive = 1; receive < MAX_RECEIVES; receive += 1) {
      await expect(processor.process(received, deadlineOf())).rejects.toThrow('no model');
      expect(notes).toEqual([]);
      received = (await next()) ?? received;
    }
    await expect(processor.process(received, deadlineOf())).rejects.toThrow('no model');
    const error = { name: 'Error', message: 'no model' };
    expect(notes).toEqual([{ until: clock.now + 2 * MINUTE }, { until: clock.now, error }]);
  });
});

describe('a bundle that is longer than a run', () => {
  test('goes on where it stood: the part is that of an uninterrupted run, and no outcome is made twice', async () => {
    const folder = await temporaryFolder();
    vi.stubEnv('FABRIC_TEST_FOLDER', folder);
    const asked = async (): Promise<string[]> => (await readFile(join(folder, 'asked'), 'utf8')).trim().split('\n');
    const elements = [
      { n: 0 },
      { n: 1, bad: true },
      { n: 2, slow: true },
      { n: 3, until: 'open' },
      { n: 4, bad: true },
      { n: 5 },
    ];
    const options = { pipeline: 'asked' };
    const controller = new AbortController();
    const engine = await engineOf('asked');
    const { store, processor, deliver, next, bundles, telemetry, deadLetters } = benchOf(
      watched(engine, () => controller.abort(new Error('time is over'))),
      { pipelineName: 'asked' },
    );
    const { messages, place } = await jobOf(store, elements, options);
    const received = await deliver(messages[0] ?? {});
    await processor.process(received, deadlineOf(controller));
    await bundles.delete(received.receiptHandle);
    expect(store.text('out', place().part)).toBeUndefined();
    expect(telemetry.counts).toEqual({ bundles_handed_back: 1 });
    expect((await asked()).slice(0, 3)).toEqual(['0', '1', '2']);

    await writeFile(join(folder, 'open'), '');
    const again = await next();
    expect(JSON.parse(again?.body ?? '')).toEqual({ ...messages[0], attempts: 1, firstSentAt: START });
    expect(again?.receiveCount).toBe(1);
    if (again !== undefined) await processor.process(again, deadlineOf());
    // The one that was being asked when the time was over had no outcome.
    expect((await asked()).filter((n) => Number(n) < 3)).toEqual(['0', '1', '2']);

    const whole = benchOf(engine, { pipelineName: 'asked' });
    const job = await jobOf(whole.store, elements, options);
    await whole.processor.process(await whole.deliver(job.messages[0] ?? {}), deadlineOf());
    const paths = /[^"]*numbers\.jsonl"/g;
    for (const key of ['part', 'errors'] as const) {
      const text = store.text('out', place()[key])?.replace(paths, '');
      expect(text).toBe(whole.store.text('out', job.place()[key])?.replace(paths, ''));
    }
    const { details = '', ...metadata } = (await store.head({ bucket: 'out', key: place().part }))?.metadata ?? {};
    expect(metadata).toMatchObject({ elements: '6', succeeded: '4' });
    // The measures are those of both attempts.
    expect(JSON.parse(details)).toEqual({
      failedByStage: { inference: 2 },
      models: { Doubler: 'Doubler' },
      measures: expect.objectContaining({ retries: 0 }),
    });
    expect(new Set(lettersIn(deadLetters.sent).map(({ id }) => id)).size).toBe(2);
  });

  test('has batches of a fixed size as they are without a deadline, for models whose rows depend on them', async () => {
    const kinds = ['a', 'a', 'a', 'b', 'a', 'b', 'b', 'b', 'a', 'a', 'a', 'a'];
    // Outcomes go out once one has waited for a second: then the batch of 0, 1, 2 and 4 is done, and 3 is not.
    const elements = kinds.map((kind, n) => ({ n, kind, slow: n === 0 }));
    const controller = new AbortController();
    const engine = watched(await engineOf('summed'), () => controller.abort(new Error('time is over')));
    const { store, processor, deliver, next } = benchOf(engine, { pipelineName: 'summed' });
    const { messages, place } = await jobOf(store, elements, { pipeline: 'summed' });
    await processor.process(await deliver(messages[0] ?? {}), deadlineOf(controller));
    expect(store.text('out', place().part)).toBeUndefined();
    const again = await next();
    expect(again?.receiveCount).toBe(1);
    if (again !== undefined) await processor.process(again, deadlineOf());
    const sums = { a: 7, b: 21 };
    expect(linesIn(store.text('out', place().part)).map(({ prediction }) => prediction)).toEqual(
      kinds.map((kind, n) => (n < 8 ? sums[kind === 'a' ? 'a' : 'b'] : 38)),
    );
  });
});

/** An engine that tells when it has given outcomes. */
function watched(engine: Engine, onOutcomes: () => void): Engine {
  return {
    pipeline: engine.pipeline,
    process: (bundle, sink, options) => {
      const own: OutcomeSink = {
        write: async (chunk) => {
          await sink.write(chunk);
          onOutcomes();
        },
      };
      return engine.process(bundle, own, options);
    },
  };
}
