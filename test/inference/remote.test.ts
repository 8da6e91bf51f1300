import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AnswerJournal } from '../../lib/inference/engine/answer-journal.ts';
import type { OutcomeChunk } from '../../lib/inference/bundle.ts';
import type { ProcessOptions } from '../../lib/inference/engine/engine.ts';
import { type AnsweringServer, startAnsweringServer } from './answering-server.ts';
import { runBundle, writeBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const doubled = (numbers: readonly number[]): number[] => numbers.map((n) => n * 2);

let server: AnsweringServer;
beforeAll(() => {
  delete process.env['DOUBLER_URL'];
});
beforeEach(async () => {
  server = await startAnsweringServer();
  process.env['DOUBLER_URL'] = server.url;
  return () => server[Symbol.asyncDispose]();
});
afterAll(() => {
  delete process.env['DOUBLER_URL'];
});

/** Runs numbers as one bundle; gives what it ended with and how many outcomes there were by then. */
async function attempt(
  pipeline: string,
  numbers: readonly number[],
  { skipElements = 0, ...options }: ProcessOptions & { readonly skipElements?: number } = {},
): Promise<{ readonly error: unknown; readonly predictions: readonly unknown[] }> {
  await using engine = await startEngine('remote', pipeline);
  const { bundle } = await writeBundle(numbers);
  const chunks: OutcomeChunk[] = [];
  const error: unknown = await engine
    .process({ ...bundle, skipElements }, { write: (chunk) => void chunks.push(chunk) }, options)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  const lines = Buffer.concat(chunks.map(({ results }) => results))
    .toString()
    .split('\n')
    .filter((line) => line !== '');
  return { error, predictions: lines.map((line) => (JSON.parse(line) as { prediction: unknown }).prediction) };
}

describe('a remote model', () => {
  test('answers each element once, in order, with many requests under way', async () => {
    // None of the first four is answered before all of them are there.
    server.reply = async ([n = 0]) => {
      if (n < 4) await server.received(4);
      return {};
    };
    await using engine = await startEngine('remote', 'single');
    const { outcomes, summary } = await runBundle(engine, upTo(40));
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(doubled(upTo(40)));
    expect(outcomes.every(({ model }) => model === 'Doubler')).toBe(true);
    expect(summary.models).toEqual({ Doubler: 'Doubler' });
    expect([...server.answers.values()]).toEqual(upTo(40).map(() => 1));
    expect(engine.metrics.counter('num_inferences')).toBe(40);
    expect(engine.metrics.counter('endpoint_requests_accepted')).toBe(40);
  });

  test('fails an element alone whose value, or whose answer, is nested too deeply for the engine', async () => {
    await using engine = await startEngine('remote', 'nester');
    // A worker's stack suffices for the first of the deep ones, and the engine's does not.
    const elements = [{ given: 1 }, { given: 3000 }, { answered: 100_000 }, { given: 2 }];
    const { outcomes } = await runBundle(engine, elements);
    const failure = { stage: 'step[1].inference', error: { name: 'NestingError' } };
    expect(outcomes).toMatchObject([{ prediction: 'shallow' }, failure, failure, { prediction: 'shallow' }]);
  });

  test('fails the one element alone for which its endpoint refuses a batch', async () => {
    server.reply = (numbers) => (numbers.includes(3) ? { status: 400 } : {});
    await using engine = await startEngine('remote', 'batched');
    const { outcomes } = await runBundle(engine, upTo(16));
    expect(outcomes.filter(({ error }) => error !== undefined)).toMatchObject([
      {
        input: 3,
        stage: 'inference',
        error: { name: 'EndpointError', message: 'the doubler answered with status 400' },
      },
    ]);
    expect(outcomes.flatMap(({ prediction }) => prediction ?? [])).toEqual(doubled(upTo(16).filter((n) => n !== 3)));
    expect([...server.answers.values()].every((times) => times === 1)).toBe(true);
  });

  test('keeps the answers of a batch in which single elements are refused', async () => {
    server.reply = (numbers) => ({ predictions: numbers.map((n) => (n === 3 ? {} : n * 2)) });
    await using engine = await startEngine('remote', 'batched');
    const { outcomes } = await runBundle(engine, upTo(8));
    expect(outcomes[3]).toMatchObject({ stage: 'inference', attempts: 1, error: { name: 'EndpointError' } });
    expect(outcomes.flatMap(({ prediction }) => prediction ?? [])).toEqual([0, 2, 4, 8, 10, 12, 14]);
    expect(server.requests).toHaveLength(1);
  });

  test('counts the requests of a failed element, but for those that were throttled', async () => {
    const seen = new Map<number, number>();
    server.reply = ([n = 0]) => {
      const times = (seen.get(n) ?? 0) + 1;
      seen.set(n, times);
      if (times === 1) return { status: 429, retryAfterSecs: 0 };
      return n === 2 ? { status: 500 } : {};
    };
    await using engine = await startEngine('remote', 'single');
    const { outcomes } = await runBundle(engine, [1, 2]);
    expect(outcomes[0]).toMatchObject({ prediction: 2 });
    expect(outcomes[1]).toMatchObject({ attempts: 2, error: { message: 'the doubler answered with status 500' } });
    expect(engine.metrics.counter('endpoint_requests_throttled')).toBe(2);
  });

  test('ends the run, by its endpoint name, where no request will be answered', async () => {
    server.reply = () => ({ status: 401 });
    const { error, predictions } = await attempt('single', upTo(20));
    expect(error).toMatchObject({ name: 'ModelLoadError', disposition: 'fatal', message: /the doubler.*401/ });
    expect(predictions).toEqual([]);
  });

  test.each([
    ['the first', 0],
    ['one of the last', 9],
  ])('a 404 for %s of them fails that element alone', async (_, missing) => {
    server.reply = ([n]) => (n === missing ? { status: 404 } : {});
    await using engine = await startEngine('remote', 'single');
    const { outcomes } = await runBundle(engine, upTo(12));
    expect(outcomes.filter((outcome) => outcome.error !== undefined)).toMatchObject([
      { input: missing, stage: 'inference', error: { message: 'the doubler answered with status 404' } },
    ]);
    expect(outcomes).toHaveLength(12);
  });

  test('a 404 for all of them ends the run after a few requests', async () => {
    server.reply = () => ({ status: 404 });
    const { error } = await attempt('single', upTo(100));
    expect(error).toMatchObject({ name: 'ModelLoadError', message: /the doubler.*404/ });
    expect(server.requests.length).toBeLessThanOrEqual(20);
  });

  test('may be one of several that elements choose by their keys', async () => {
    await using engine = await startEngine('remote', 'keyed');
    const { outcomes } = await runBundle(engine, [
      { key: 'a', n: 1 },
      { key: 'b', n: 2 },
      { key: 'c', n: 3 },
      { key: 'a', n: 4 },
    ]);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual([2, -4, undefined, 8]);
  });

  test('takes the elements of several bundles in one request where batches cross bundles', async () => {
    await using engine = await startEngine('remote', 'shared');
    const [first, second] = await Promise.all([runBundle(engine, upTo(5)), runBundle(engine, [5, 6, 7])]);
    expect(first.outcomes.map(({ prediction }) => prediction)).toEqual(doubled(upTo(5)));
    expect(second.outcomes.map(({ prediction }) => prediction)).toEqual(doubled([5, 6, 7]));
    expect(server.requests.map(({ length }) => length)).toEqual([8]);
  });

  test('answers the other bundles of a shared request where one of them is given up', async () => {
    const deadline = new AbortController();
    server.reply = () => {
      deadline.abort(new Error('time is up'));
      return {};
    };
    await using engine = await startEngine('remote', 'shared');
    const { bundle } = await writeBundle(upTo(5));
    const givenUp = engine.process(bundle, { write() {} }, { signal: deadline.signal });
    const [lost, other] = await Promise.allSettled([givenUp, runBundle(engine, [5, 6, 7])]);
    expect(lost).toMatchObject({ status: 'rejected', reason: { message: 'time is up' } });
    expect(other).toMatchObject({ status: 'fulfilled' });
    expect(server.requests.map(({ length }) => length)).toEqual([8]);
  });
});

describe('what is paid for', () => {
  test('is not asked again where a worker is lost', async () => {
    await using engine = await startEngine('remote', 'fragile');
    const { outcomes } = await runBundle(engine, upTo(40));
    expect(outcomes.filter(({ error }) => error !== undefined)).toMatchObject([{ input: 33, stage: 'postprocess[0]' }]);
    expect([...server.answers.values()]).toEqual(upTo(40).map(() => 1));
  });

  test('is waited for at a deadline, and kept for the next attempt', async () => {
    // The first element is never answered in the first attempt: all others are behind it.
    const held = Promise.withResolvers<void>();
    server.reply = async ([n]) => {
      if (n === 0) await held.promise;
      return {};
    };
    const deadline = new AbortController();
    const journal = new AnswerJournal();
    void server.received(10).then(() => deadline.abort(new Error('time is up')));
    const first = await attempt('single', upTo(20), { signal: deadline.signal, journal, drainMillis: 300 });
    expect(first.error).toMatchObject({ message: 'time is up' });
    const kept = journal.entriesFrom(0).filter(({ answer }) => answer !== undefined);
    expect(kept.length).toBeGreaterThanOrEqual(8);
    expect(kept.length).toBe(server.answers.size);
    held.resolve();
    const next = await attempt('single', upTo(20), { journal: new AnswerJournal(journal.entriesFrom(0)) });
    expect(next.predictions).toEqual(doubled(upTo(20)));
    // The first one's connection was given up before its answer: nobody was paid for it.
    expect([...server.answers].filter(([, times]) => times > 1)).toEqual([]);
  });

  test('is kept where the endpoint wants to be left alone for longer than a bundle can wait', async () => {
    server.reply = ([n = 0]) => (n === 5 ? { status: 429, retryAfterSecs: 600 } : {});
    const journal = new AnswerJournal();
    const first = await attempt('impatient', upTo(12), { journal, patienceMillis: 1000, drainMillis: 1000 });
    expect(first.error).toMatchObject({ name: 'EndpointBusyError', disposition: 'throttle' });
    expect(journal.retryAfterMillis).toBeGreaterThan(590_000);
    expect(first.predictions.length).toBeLessThanOrEqual(5);
    server.reply = () => ({});
    const next = await attempt('single', upTo(12), {
      journal: new AnswerJournal(journal.entriesFrom(0)),
      skipElements: first.predictions.length,
    });
    expect([...first.predictions, ...next.predictions]).toEqual(doubled(upTo(12)));
    expect([...server.answers.values()]).toEqual(upTo(12).map(() => 1));
  });

  test('is kept for each piece of an element', async () => {
    const held = Promise.withResolvers<void>();
    server.reply = async ([n]) => {
      if (n === 1000) await held.promise;
      return {};
    };
    const deadline = new AbortController();
    const journal = new AnswerJournal();
    const numbers = upTo(6);
    void server.received(12).then(() => deadline.abort(new Error('time is up')));
    await attempt('pieces', numbers, { signal: deadline.signal, journal, drainMillis: 300 });
    // A request that the client has aborted must not be answered: else the server counts an answer that no client received.
    await server.gone;
    held.resolve();
    const { predictions } = await attempt('pieces', numbers, { journal: new AnswerJournal(journal.entriesFrom(0)) });
    expect(predictions).toEqual(numbers.map((n) => [n, n + 1000].map((piece) => ({ a: piece * 2, b: piece }))));
    expect([...server.answers].filter(([, times]) => times > 1)).toEqual([]);
    // All but the one that was given up were asked for once.
    expect(server.requests).toHaveLength(13);
  });

  test('is asked for again where the value is another', () => {
    const journal = new AnswerJournal();
    const label = { label: 'Doubler', digest: 'Doubler' };
    journal.record({ model: 0, place: '7', fingerprint: 'a', tries: 1, answer: { value: 14, label } });
    expect(journal.find(0, { place: '7', fingerprint: 'a' })?.answer?.value).toBe(14);
    expect(journal.find(0, { place: '7', fingerprint: 'b' })).toBeUndefined();
    expect(journal.find(1, { place: '7', fingerprint: 'a' })).toBeUndefined();
  });
});
