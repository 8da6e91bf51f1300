import { beforeEach, describe, expect, test } from 'vitest';
import { AnswerJournal } from '../../lib/inference/engine/answer-journal.ts';
import type { ProcessOptions } from '../../lib/inference/engine/engine.ts';
import { type AnsweringServer, startAnsweringServer } from './answering-server.ts';
import { runBundle, writeBundle } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

let server: AnsweringServer;
/** Never answers until it is released. */
let held: PromiseWithResolvers<void>;
beforeEach(async () => {
  server = await startAnsweringServer();
  process.env['DOUBLER_URL'] = server.url;
  held = Promise.withResolvers();
  return async () => {
    held.resolve();
    delete process.env['DOUBLER_URL'];
    await server[Symbol.asyncDispose]();
  };
});

/** An engine whose client asks this test's server. */
const engineOf = (pipeline: string) => startEngine('remote', pipeline);

describe('an engine whose bundles are broken off', () => {
  test.each([
    ['a thread', 1],
    ['a process', 2],
  ])('goes on with others in %s, also where an endpoint never answers', async (_, receives) => {
    await using engine = await engineOf('single');
    server.reply = async () => {
      await held.promise;
      return {};
    };
    for (let time = 1; time <= 3; time += 1) {
      const deadline = new AbortController();
      void server.received(time).then(() => deadline.abort(new Error('time is up')));
      const { bundle } = await writeBundle([1], { receives });
      const options: ProcessOptions = { signal: deadline.signal, drainMillis: 10 };
      await expect(engine.process(bundle, { write() {} }, options)).rejects.toThrow('time is up');
    }
    server.reply = () => ({});
    const { outcomes } = await runBundle(engine, upTo(3), { receives });
    expect(outcomes.map(({ prediction }) => prediction)).toEqual([0, 2, 4]);
  });

  test('ends a bundle that waits for what its lost worker asked, when it is closed', async () => {
    const engine = await engineOf('fragile');
    const lost = Promise.withResolvers<void>();
    server.reply = async ([n]) => {
      if (n === 33) return {};
      lost.resolve();
      await held.promise;
      return {};
    };
    // The worker ends at 33, and its bundle waits for 34.
    const { bundle } = await writeBundle([33, 34]);
    const running = engine.process(bundle, { write() {} });
    running.catch(() => {});
    await lost.promise;
    await workerIsReplaced(engine);
    await engine[Symbol.asyncDispose]();
    await expect(running).rejects.toThrow('the engine was closed');
  });
});

/** A second bundle goes through once the lost worker has been replaced. */
async function workerIsReplaced(engine: Awaited<ReturnType<typeof engineOf>>): Promise<void> {
  const reply = server.reply;
  server.reply = (instances) => (instances[0] === 1 ? {} : reply(instances));
  await runBundle(engine, [1]);
}

describe('one handler in several steps', () => {
  test('asks one endpoint, within the limits of one', async () => {
    let underWay = 0;
    let most = 0;
    server.reply = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return {};
    };
    await using engine = await engineOf('twice');
    const { outcomes } = await runBundle(engine, upTo(20));
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(upTo(20).map((n) => ({ a: n * 2, b: n * 2 })));
    expect(most).toBe(1);
  });
});

describe('an answer of an earlier attempt', () => {
  test('is no answer of the model that the endpoint serves by now', async () => {
    await using engine = await engineOf('single');
    const { bundle } = await writeBundle([1]);
    const journal = new AnswerJournal();
    // Nothing is forgotten of a bundle that runs some of its elements only.
    await engine.process({ ...bundle, only: [0] }, { write() {} }, { journal });
    const entries = journal.entriesFrom(0);
    const ofAnother = entries.map((entry) => ({
      ...entry,
      answer: { value: 3, label: { label: 'Doubler', digest: 'the one before' } },
    }));
    await engine.process(bundle, { write() {} }, { journal: new AnswerJournal(entries) });
    expect(server.requests).toHaveLength(1);
    await engine.process(bundle, { write() {} }, { journal: new AnswerJournal(ofAnother) });
    expect(server.requests).toHaveLength(2);
  });
});
