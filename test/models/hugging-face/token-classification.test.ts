import { describe, expect, test } from 'vitest';
import { HuggingFacePipelineModelHandler } from '../../../lib/models/hugging-face/hugging-face-pipeline-model-handler.ts';
import { casesOf, expectClose, infer, modelFolder } from './cases.ts';

const TASK = { task: 'token-classification', model: modelFolder('bert-tokens') } as const;

describe('token-classification', () => {
  test.for(['none', 'simple', 'first', 'average', 'max'] as const)(
    "gives Python's entities with the strategy '%s': labels, words, scores and places",
    async (aggregationStrategy) => {
      const cases = casesOf('bert-tokens').filter(
        ({ options }) => options['aggregationStrategy'] === aggregationStrategy,
      );
      expect(cases.length).toBeGreaterThan(15);
      const outputs = await infer(
        { ...TASK, aggregationStrategy },
        cases.map(({ input }) => input),
      );
      cases.forEach(({ output }, index) => expectClose(outputs[index], output, 1e-5));
    },
  );

  test('gives places in characters, as Python has them: an emoji is one', async () => {
    const [entities] = await infer({ ...TASK, ignoreLabels: [] }, ['😀 London']);
    const last = (entities as readonly { readonly end: number }[]).at(-1);
    expect(last?.end).toBe(8);
  });

  test('refuses a tokenizer whose places are not known, a wrong strategy, and wrong labels', async () => {
    const create = (options: object): unknown => new HuggingFacePipelineModelHandler({ ...TASK, ...options } as never);
    expect(() => create({ aggregationStrategy: 'best' })).toThrow(
      "'aggregationStrategy' must be 'none' or 'simple' or 'first' or 'average' or 'max': current value is 'best'",
    );
    expect(() => create({ ignoreLabels: 'O' })).toThrow("'ignoreLabels' must be a list of labels");
    await expect(infer({ ...TASK, model: modelFolder('roberta-multi-label') }, ['a'])).rejects.toThrow(
      'tokenizer.json must be a WordPiece tokenizer for token-classification',
    );
  });
});
