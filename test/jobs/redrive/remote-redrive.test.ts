import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { noteRedrive } from '../../../lib/jobs/notes/redrive-notes.ts';
import { type AnsweringServer, startAnsweringServer } from '../../inference/answering-server.ts';
import { readPart } from '../../../lib/jobs/commit/part-metadata.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { benchOf, jobOf, linesIn } from '../processing/processor-bench.ts';

const configUrl = new URL('../../inference/fixtures/remote.config.ts', import.meta.url);
const openEngine = (): Promise<InferenceEngine> => InferenceEngine.start({ configUrl, pipeline: 'strict', workers: 1 });

let server: AnsweringServer;
let engine: InferenceEngine;
beforeAll(async () => {
  server = await startAnsweringServer();
  process.env['DOUBLER_URL'] = server.url;
  engine = await openEngine();
});
afterAll(async () => {
  delete process.env['DOUBLER_URL'];
  await engine[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
/** Requests of earlier tests. */
let before: number;
beforeEach(() => {
  before = server.requests.length;
  server.reply = () => ({});
});

/** What was asked for since then, in numeric order. */
const asked = (): readonly number[] =>
  server.requests
    .slice(before)
    .flat()
    .toSorted((one, other) => one - other);

/** A bundle of numbers in a job of its own; what is no use is answered with an odd number. */
async function jobWith(numbers: readonly number[]) {
  const bench = benchOf(engine, { pipelineName: 'strict' });
  const { messages, place, recorded } = await jobOf(bench.store, numbers, { pipeline: 'strict' });
  const output = { store: bench.store, bucket: 'out' };
  const { id, of } = recorded.job;
  return {
    ...bench,
    part: place().part,
    run: async () => bench.deliver(messages[0] ?? {}),
    redrive: async () => {
      await noteRedrive({ job: recorded.job, bundle: 0 }, {}, output);
      return bench.deliver({ version: 1, kind: 'redrive', pipeline: 'strict', job: id, bundle: 0, of, select: {} });
    },
    predictions: () => linesIn(bench.store.text('out', place().part)).map(({ prediction }) => prediction),
    /** The tokens of the part, which are one for each answer. */
    tokens: async () => {
      const committed = await readPart(place(), output);
      const { inputTokens, outputTokens } = committed?.note.usage ?? {};
      expect(inputTokens).toBe(outputTokens);
      return inputTokens;
    },
    failures: () => linesIn(bench.store.text('out', place().errors)).map(({ input, stage }) => [input, stage]),
  };
}

/** Processes a message that is handed back, and takes it from the queue. */
async function handBack(
  { processor, bundles }: Awaited<ReturnType<typeof jobWith>>,
  received: Awaited<ReturnType<Awaited<ReturnType<typeof jobWith>>['run']>>,
  deadline = deadlineOf(),
): Promise<void> {
  await processor.process(received, deadline);
  await bundles.delete(received.receiptHandle);
}

describe('a redrive of what remote models answered', () => {
  test('asks anew where an answer was no use, also one that was kept from one attempt to the next', async () => {
    const job = await jobWith([1, 2]);
    // 2 is answered, with nonsense, while 1 has to wait: the first attempt leaves that to the second.
    server.reply = async ([n]) => {
      if (n === 2) return { predictions: [5] };
      await server.received(before + 2);
      return { status: 429, retryAfterSecs: 600 };
    };
    await handBack(job, await job.run());
    server.reply = () => ({});
    // To the other engine the endpoint has said how long it wants to be left alone.
    await engine[Symbol.asyncDispose]();
    engine = await openEngine();
    expect(await job.drain(job.another(engine))).toEqual([]);
    expect(job.failures()).toEqual([[2, 'postprocess[0]']]);
    expect(asked()).toEqual([1, 1, 2]);
    expect(await job.tokens()).toBe(2);

    await job.another(engine).process(await job.redrive(), deadlineOf());
    expect(job.predictions()).toEqual([2, 4]);
    expect(job.failures()).toEqual([]);
    expect(asked()).toEqual([1, 1, 2, 2]);
    expect(await job.tokens()).toBe(3);
  });

  test('asks nothing again where it is broken off itself, and is not charged where it got on', async () => {
    const job = await jobWith([1, 2, 3]);
    server.reply = () => ({ status: 400 });
    await handBack(job, await job.run());
    expect(job.failures()).toHaveLength(3);

    const held = Promise.withResolvers<void>();
    const deadline = new AbortController();
    before = server.requests.length;
    server.reply = async ([n]) => {
      if (n === 1) await held.promise;
      return {};
    };
    const redrive = await job.redrive();
    const times = [60_000];
    const running = handBack(job, redrive, {
      signal: deadline.signal,
      // All of its time is gone when it is broken off.
      remainingMillis: () => times.shift() ?? (deadline.signal.aborted ? 0 : 2000),
    });
    await server.received(before + 3);
    deadline.abort(new Error('time is over'));
    await running;
    expect(job.telemetry.counts.bundles_failed).toBeUndefined();
    held.resolve();
    expect(await job.drain()).toEqual([]);
    expect(job.predictions()).toEqual([2, 4, 6]);
    expect(asked()).toEqual([1, 1, 2, 3]);
    expect(await job.tokens()).toBe(3);
  });

  test('asks nothing again where its part could not be put', async () => {
    const job = await jobWith([1, 2, 3]);
    server.reply = () => ({ status: 400 });
    await handBack(job, await job.run());
    server.reply = () => ({});
    before = server.requests.length;
    let failures = 1;
    job.store.faults.before = ({ operation, key }) => {
      if (operation !== 'put' || key !== job.part || failures === 0) return;
      failures -= 1;
      throw unavailable();
    };
    await expect(job.processor.process(await job.redrive(), deadlineOf())).rejects.toThrow('unavailable');
    expect(await job.drain()).toEqual([]);
    expect(job.predictions()).toEqual([2, 4, 6]);
    expect(asked()).toEqual([1, 2, 3]);
    expect(await job.tokens()).toBe(3);
  });

  test('counts no answer once more that failed again before it was broken off', async () => {
    const job = await jobWith([1, 2, 3]);
    server.reply = () => ({ status: 400 });
    await handBack(job, await job.run());
    expect(await job.tokens()).toBeUndefined();

    const deadline = new AbortController();
    before = server.requests.length;
    // 1 is answered with nonsense again, 2 rightly; 3 is not answered before the time is over.
    const held = Promise.withResolvers<void>();
    server.reply = async ([n]) => {
      if (n === 3) await held.promise;
      return n === 1 ? { predictions: [5] } : {};
    };
    const times = [60_000];
    const running = handBack(job, await job.redrive(), {
      signal: deadline.signal,
      remainingMillis: () => times.shift() ?? (deadline.signal.aborted ? 0 : 2000),
    });
    await server.received(before + 3);
    deadline.abort(new Error('time is over'));
    await running;
    held.resolve();
    expect(await job.drain()).toEqual([]);
    expect(job.predictions()).toEqual([4, 6]);
    expect(asked()).toEqual([1, 2, 3, 3]);
    expect(await job.tokens()).toBe(3);
  });
});
