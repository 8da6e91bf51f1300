import { describe, expect, test } from 'vitest';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { type Outcome, runBundle } from '../../inference/run-bundle.ts';
import { casesOf, expectClose } from './cases.ts';

const configUrl = new URL('./pipelines.config.ts', import.meta.url);

/** Takes elements through a pipeline of the config, with real workers and model hosts. */
async function run(pipeline: string, elements: readonly unknown[]): Promise<readonly Outcome[]> {
  await using engine = await InferenceEngine.start({ configUrl, pipeline, workers: 1 });
  const { outcomes } = await runBundle(engine, elements);
  return outcomes;
}

function withOptions(name: string, options: object): ReturnType<typeof casesOf> {
  return casesOf(name).filter((one) => JSON.stringify(one.options) === JSON.stringify(options));
}

describe('HuggingFacePipelineModelHandler in an engine', () => {
  test("gives Python's predictions in input order, whatever lengths are mixed", async () => {
    const cases = withOptions('bert-pairs', {});
    const many = Array.from({ length: 10 }, () => cases).flat();
    const outcomes = await run(
      'pairs',
      many.map(({ input }) => input),
    );
    expect(outcomes).toHaveLength(many.length);
    many.forEach(({ output }, index) => expectClose(outcomes[index]?.prediction, output, 1e-5));
    expect(outcomes[0]?.model).toMatch(/^[0-9a-f]{12}$/);
  });

  test('joins padded batches of several bundles', async () => {
    const cases = withOptions('roberta-multi-label', {});
    await using engine = await InferenceEngine.start({ configUrl, pipeline: 'joined', workers: 2 });
    const elements = cases.map(({ input }) => input);
    const bundles = await Promise.all([1, 2, 3].map(() => runBundle(engine, elements)));
    for (const { outcomes } of bundles)
      cases.forEach(({ output }, index) => expectClose(outcomes[index]?.prediction, output, 1e-5));
  });

  test('reads declared fields of pairs, and runs a probe', async () => {
    const cases = withOptions('bert-pairs', { topK: 2 }).filter(({ input }) => typeof input === 'object');
    const elements = cases.map(({ input }) => {
      const { text, text_pair } = input as { text: string; text_pair: string };
      return { question: text, meta: { answer: text_pair }, text: 'not this one' };
    });
    const outcomes = await run('declared', [
      ...elements,
      { question: 'no answer' },
      { question: 'a', meta: { answer: null } },
    ]);
    cases.forEach(({ output }, index) => expectClose(outcomes[index]?.prediction, output, 1e-5));
    expect(outcomes.at(-2)?.error?.message).toBe(
      "the element has no field 'meta.answer', which 'inputs' declares for 'textPair'; its fields are [question]",
    );
    expect(outcomes.at(-1)?.error?.message).toBe("'text_pair' must be a text, or left out: got null");
  });

  test.for([
    [42, 'an element must be a text: got a number'],
    [null, 'an element must be a text: got null'],
    ['', 'the text is empty: a model needs at least one token'],
    ['  \n ', 'the text is empty: a model needs at least one token'],
    [['a', 'b'], 'an element must be a text: got an array'],
    [{ text: 5 }, "'text' must be a text: got a number"],
    [{ text: 'a', text_pair: null }, "'text_pair' must be a text, or left out: got null"],
    [{ text: 'a', text_pair: '' }, 'the second text is empty: a model needs at least one token'],
    [
      { review: 'a', stars: 5 },
      "an element must be a text or have the field 'text': its fields are [review, stars]; 'inputs' can name another field",
    ],
  ] as const)('fails %j alone', async ([element, message]) => {
    const outcomes = await run('pairs', ['A wonderful film!', element, 'Terrible service.']);
    expect(outcomes.map(({ error }) => error?.message)).toEqual([undefined, message, undefined]);
    expect(outcomes[1]).toMatchObject({ stage: 'inference', error: { name: 'InputMismatchError' } });
  });

  test('fails a text that is too long alone, where texts are not cut', async () => {
    const outcomes = await run('whole', ['short', 'long '.repeat(60), 'short again']);
    expect(outcomes.map(({ error }) => error?.message)).toEqual([
      undefined,
      "the text has 182 tokens, and at most 48 are allowed: shorten it, or set 'truncation: true'",
      undefined,
    ]);
  });

  test('refuses arguments of the step', async () => {
    const outcomes = run('with-arguments', ['a']);
    await expect(outcomes).rejects.toThrow("'inferenceArgs' must be left out for this handler: got 'top_k'");
  });
});
