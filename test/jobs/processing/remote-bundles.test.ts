import { beforeEach, describe, expect, test } from 'vitest';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import type { BundleMessage } from '../../../lib/elements/messages.ts';
import type { ReceivedMessage } from '../../../lib/stores/message-queue.ts';
import { type AnsweringServer, startAnsweringServer } from '../../inference/answering-server.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { benchOf, jobOf, linesIn } from './processor-bench.ts';

const configUrl = new URL('../../inference/fixtures/remote.config.ts', import.meta.url);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

let server: AnsweringServer;
beforeEach(async () => {
  server = await startAnsweringServer();
  process.env['DOUBLER_URL'] = server.url;
  return async () => {
    delete process.env['DOUBLER_URL'];
    await server[Symbol.asyncDispose]();
  };
});

/** A bundle of numbers, delivered to a processor whose model is remote. */
async function delivered(numbers: readonly number[], pipeline = 'single') {
  const engine = await InferenceEngine.start({ configUrl, pipeline, workers: 1 });
  const bench = benchOf(engine, { pipelineName: pipeline });
  const { messages, place } = await jobOf(bench.store, numbers, { pipeline });
  const first = await bench.deliver(messages[0] ?? {});
  return {
    ...bench,
    first,
    results: () => linesIn(bench.store.text('out', place().part)),
    part: place().part,
    errors: () => linesIn(bench.store.text('out', place().errors)),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

const bodyOf = ({ body }: Pick<ReceivedMessage, 'body'>): BundleMessage => JSON.parse(body) as BundleMessage;

describe('a bundle whose endpoint wants to be left alone', () => {
  test('goes back to its queue for as long, and keeps what was answered', async () => {
    server.reply = ([n]) => (n === 5 ? { status: 429, retryAfterSecs: 120 } : {});
    await using run = await delivered(upTo(12), 'impatient');
    await run.processor.process(run.first, deadlineOf());
    await run.bundles.delete(run.first.receiptHandle);
    const again = run.bundles.sent.at(-1);
    expect(again?.delaySecs).toBeGreaterThan(115);
    expect(again?.delaySecs).toBeLessThan(130);
    expect(bodyOf(again ?? { body: '{}' })).toMatchObject({ kind: 'bundle', attempts: 1, firstSentAt: run.clock.now });
    expect(run.telemetry.counts).toMatchObject({ bundles_handed_back: 1 });
    expect(run.telemetry.counts.bundles_failed).toBeUndefined();

    server.reply = () => ({});
    // Another engine: to this one the endpoint has said how long it wants to be left alone.
    const fresh = await InferenceEngine.start({ configUrl, pipeline: 'impatient', workers: 1 });
    expect(await run.drain(run.another(fresh))).toEqual([]);
    await fresh[Symbol.asyncDispose]();
    expect(run.results().map(({ prediction }) => prediction)).toEqual(upTo(12).map((n) => n * 2));
    expect([...server.answers.values()]).toEqual(upTo(12).map(() => 1));
  });

  test('is delayed for 900 seconds at most, as SQS is', async () => {
    server.reply = () => ({ status: 429, retryAfterSecs: 7200 });
    await using run = await delivered([1]);
    await run.processor.process(run.first, deadlineOf());
    expect(run.bundles.sent.at(-1)?.delaySecs).toBe(900);
  });

  test('is not charged for time in which it only waited', async () => {
    server.reply = () => ({ status: 429, retryAfterSecs: 0 });
    await using run = await delivered(upTo(3));
    const deadline = new AbortController();
    const times = [60_000];
    void server.received(3).then(() => deadline.abort(new Error('time is over')));
    await run.processor.process(run.first, {
      signal: deadline.signal,
      // All of its time is gone when it is broken off.
      remainingMillis: () => times.shift() ?? (deadline.signal.aborted ? 0 : 60_000),
    });
    expect(run.telemetry.counts).toMatchObject({ bundles_handed_back: 1 });
    expect(run.telemetry.counts.bundles_failed).toBeUndefined();
  });
});

describe('a bundle whose endpoint never answers', () => {
  test('is charged for the time that it had, whatever waits behind the requests that hang', async () => {
    const held = Promise.withResolvers<void>();
    server.reply = async () => {
      await held.promise;
      return {};
    };
    await using run = await delivered(upTo(12), 'impatient');
    const deadline = new AbortController();
    void server.received(1).then(() => deadline.abort(new Error('time is over')));
    const times = [60_000, 2000, 2000];
    const processed = run.processor.process(run.first, {
      signal: deadline.signal,
      remainingMillis: () => times.shift() ?? (deadline.signal.aborted ? 0 : 2000),
    });
    await expect(processed).rejects.toMatchObject({ name: 'NoProgressError' });
    held.resolve();
  });
});

describe('answers of another configuration', () => {
  test('are no answers for a bundle that goes on with a new deployment', async () => {
    server.reply = async ([n]) => {
      if (n !== 0) return {};
      await server.received(3);
      return { status: 429, retryAfterSecs: 600 };
    };
    await using run = await delivered(upTo(3));
    await run.processor.process(run.first, deadlineOf());
    await run.bundles.delete(run.first.receiptHandle);
    server.reply = () => ({});
    await using fresh = await InferenceEngine.start({ configUrl, pipeline: 'single', workers: 1 });
    const { pipeline } = fresh;
    const deployed = { ...pipeline, output: { ...pipeline.output, join: 'input' } } as const;
    const redeployed = { pipeline: deployed, process: fresh.process.bind(fresh) };
    expect(await run.drain(run.another(redeployed))).toEqual([]);
    expect(server.requests.flat().toSorted((one, other) => one - other)).toEqual([0, 0, 1, 1, 2, 2]);
  });
});

describe('the tries of an element', () => {
  test('are remembered from one attempt at its bundle to the next', async () => {
    // Element 1 is tried twice in all (`numRetries: 1`): once before the bundle goes back, once afterwards.
    const seen = Promise.withResolvers<void>();
    server.reply = ([n]) => {
      if (n !== 1) return { status: 429, retryAfterSecs: 300 };
      seen.resolve();
      return { status: 500 };
    };
    await using run = await delivered([1]);
    const deadline = new AbortController();
    void seen.promise.then(() => deadline.abort(new Error('time is over')));
    await run.processor.process(run.first, deadlineOf(deadline));
    await run.bundles.delete(run.first.receiptHandle);
    const before = server.requests.length;
    expect(await run.drain()).toEqual([]);
    expect(run.errors()).toMatchObject([{ input: 1, stage: 'inference', attempts: 2 }]);
    expect(server.requests.length).toBe(2);
    expect(before).toBe(1);
  });
});

describe('a part that could not be committed', () => {
  test('is committed by the next attempt, and nothing is asked for again', async () => {
    await using run = await delivered(upTo(8));
    let failures = 1;
    run.store.faults.before = ({ operation, key }) => {
      if (operation !== 'put' || key !== run.part || failures === 0) return;
      failures -= 1;
      throw unavailable();
    };
    await expect(run.processor.process(run.first, deadlineOf())).rejects.toThrow('unavailable');
    expect(server.requests).toHaveLength(8);
    await run.drain();
    expect(run.results().map(({ prediction }) => prediction)).toEqual(upTo(8).map((n) => n * 2));
    expect(server.requests).toHaveLength(8);
  });
});
