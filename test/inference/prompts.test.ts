import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AnswerJournal } from '../../lib/inference/engine/answer-journal.ts';
import { sharedService } from '../remote/shared-service.ts';
import { answered, refusal, said } from '../remote/openai/small-model.ts';
import type { OutcomeChunk } from '../../lib/inference/bundle.ts';
import { processBundle, writeBundle } from './run-bundle.ts';
import { sharedEngines } from './start-engine.ts';

const service = sharedService(answered);
beforeAll(() => {
  process.env['PROMPTS_URL'] = service.url;
});
afterAll(() => {
  delete process.env['PROMPTS_URL'];
});

const engineOf = sharedEngines('prompts');
const messages = [{ role: 'user', content: 'hello' }];
/** Tokens that the server counts for one chat. */
const counted = (chats: number) => ({
  inputTokens: 12 * chats,
  cachedInputTokens: 0,
  outputTokens: 3 * chats,
  reasoningTokens: 0,
});

/** Runs elements that should be shown under these ids; gives what was sent for them, too. */
async function run(pipeline: string, elements: readonly unknown[], ids: readonly string[] = []) {
  const engine = await engineOf(pipeline);
  const { bundle, ids: positions } = await writeBundle(elements);
  const before = service.requests.length;
  const result = await processBundle(engine, bundle, [...ids, ...positions.slice(ids.length)]);
  return { ...result, sent: service.requests.slice(before).map(({ json }) => json) };
}

describe('a pipeline of prompts', () => {
  test('shows elements under the ids that batch lines have, where it names none', async () => {
    const lines = ['a', 'b'].map((id) => ({ custom_id: id, body: { messages } }));
    const { outcomes } = await run('chat', [...lines, { custom_id: 7, messages }, 'hello'], ['a', 'b', '7']);
    expect(outcomes.map(({ prediction }) => prediction)).toMatchObject(
      Array.from({ length: 4 }, () => ({ text: 'hello' })),
    );
  });

  test('shows elements under the ids that it names, and sends neither these nor its other fields', async () => {
    const elements = [
      { name: 'one', lang: 'de', args: { seed: 3, top_p: 0.9 }, custom_id: 'x', messages, seed: 2, temperature: 0 },
      { name: 'two', lang: 'en', custom_id: 'y', body: { messages, seed: 2 } },
    ];
    const { outcomes, sent } = await run('named', elements, ['one', 'two']);
    expect(outcomes.map(({ stage }) => stage)).toEqual([undefined, undefined]);
    // extraBody, then the element, then the step's arguments, then the element's.
    expect(sent).toEqual([
      { model: 'small', messages, temperature: 0, top_p: 0.9, user: 'step', seed: 3 },
      { model: 'small', messages, top_p: 0.5, user: 'step', seed: 2 },
    ]);
  });

  test('shows the model that each element names, and fails one alone that names an unknown one', async () => {
    service.answers((request) => (request.json['model'] === 'c' ? refusal(404, { message: 'no' }) : answered(request)));
    const elements = ['a', 'b', 'c', 'a'].map((model) => ({ model, messages }));
    const { outcomes, summary } = await run('models', elements);
    expect(outcomes.map(({ model, error }) => model ?? error?.name)).toEqual(['a', 'b', 'EndpointModelError', 'a']);
    expect(summary.models).toEqual({ a: 'a', b: 'b' });
  });

  test('never has elements with different parameters in one request', async () => {
    const elements = Array.from({ length: 8 }, (_, n) => ({ input: 'a'.repeat(n + 1), dimensions: 1 + (n % 2) }));
    const { outcomes, sent } = await run('embeddings', elements);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(elements.map((_, n) => [n + 1, 0.5]));
    expect(
      sent.map(({ dimensions, input }) => [dimensions, (input as readonly string[]).map(({ length }) => length)]),
    ).toEqual(
      expect.arrayContaining([
        [1, [1, 3, 5, 7]],
        [2, [2, 4, 6, 8]],
      ]),
    );
  });
});

describe('the tokens of a bundle', () => {
  test('are those of all answers, of chunk and summary alike, also where an answer is a failure', async () => {
    service.answers((request) => {
      const details = {
        prompt_tokens_details: { cached_tokens: 8 },
        completion_tokens_details: { reasoning_tokens: 2 },
      };
      const answer = said({ content: 'a' }, request.body.includes('bad') ? 'content_filter' : 'stop');
      const body = answer.body as { readonly usage: object };
      return { ...answer, body: { ...body, usage: { ...body.usage, ...details } } };
    });
    const { summary, chunks, outcomes } = await run('chat', ['good', 'bad', 'good']);
    const usage = { inputTokens: 36, cachedInputTokens: 24, outputTokens: 9, reasoningTokens: 6 };
    expect(summary).toMatchObject({ succeeded: 2, failed: 1, usage });
    expect(chunks.map((chunk) => chunk.usage)).toEqual([usage]);
    expect(outcomes[0]?.prediction).toEqual({
      text: 'a',
      finishReason: 'stop',
      usage: { inputTokens: 12, outputTokens: 3 },
    });
  });

  test('are of all steps and pieces', async () => {
    const { summary } = await run('pieces', [['a', 'b'], [], ['c']]);
    expect(summary).toMatchObject({ succeeded: 3, usage: counted(6) });
  });

  test('are those of each request once, whatever the number of its elements', async () => {
    const { summary } = await run('embeddings', ['a', 'b', 'c', '', 'd', 'e']);
    expect(summary).toMatchObject({
      succeeded: 5,
      failed: 1,
      usage: { inputTokens: 10, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 },
    });
  });

  test('are absent where the server does not say', async () => {
    service.answers(() => ({ body: { choices: [{ message: { content: 'a' }, finish_reason: 'stop' }] } }));
    expect((await run('chat', ['a'])).summary).not.toHaveProperty('usage');
  });

  test('are of each paid answer once, where an attempt goes on with the answers of another', async () => {
    const engine = await engineOf('chat');
    const { bundle } = await writeBundle(['a', 'b', 'c', 'd']);
    const first = new AnswerJournal();
    const stop = new AbortController();
    service.answers((request) => {
      if (request.body.includes('"c"')) stop.abort(new Error('stopped'));
      return answered(request);
    });
    const sink = { write: () => {} };
    await expect(engine.process(bundle, sink, { signal: stop.signal, journal: first })).rejects.toThrow('stopped');
    const kept = first.entriesFrom(0).filter(({ answer }) => answer !== undefined);
    expect(kept.map(({ usage }) => usage)).toEqual([counted(1), counted(1)]);
    service.answers(answered);
    const before = service.requests.length;
    const chunks: OutcomeChunk[] = [];
    const second = new AnswerJournal(kept);
    const summary = await engine.process(bundle, { write: (chunk) => void chunks.push(chunk) }, { journal: second });
    expect(service.requests.length - before).toBe(2);
    expect(summary).toMatchObject({ succeeded: 4, usage: counted(4) });
  });
});
