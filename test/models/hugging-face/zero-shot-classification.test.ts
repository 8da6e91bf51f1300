import { describe, expect, test } from 'vitest';
import { HuggingFacePipelineModelHandler } from '../../../lib/models/hugging-face/hugging-face-pipeline-model-handler.ts';
import { casesOf, expectClose, infer, modelFolder } from './cases.ts';

const TASK = { task: 'zero-shot-classification', model: modelFolder('bert-pairs') } as const;

describe('zero-shot-classification', () => {
  test("gives Python's labels and scores, one hypothesis or several, each by itself or together", async () => {
    const groups = Map.groupBy(casesOf('bert-zero-shot'), ({ options }) => JSON.stringify(options));
    expect(groups.size).toBe(3);
    for (const [options, cases] of groups) {
      const own = JSON.parse(options) as { candidateLabels: string[] };
      const inputs = cases.map(({ input }) => input);
      const outputs = await infer({ ...TASK, ...own }, inputs);
      cases.forEach(({ output }, index) => expectClose(outputs[index], output, 1e-5));
    }
  });

  test('refuses missing labels, a template without their place, and a model without entailment', async () => {
    const create = (options: object): unknown => new HuggingFacePipelineModelHandler({ ...TASK, ...options } as never);
    expect(() => create({})).toThrow("'candidateLabels' must be a list of at least one text");
    expect(() => create({ candidateLabels: ['a'], hypothesisTemplate: 'It is.' })).toThrow(
      "'hypothesisTemplate' must be a text with the place of the label, {}: current value is 'It is.'",
    );
    const model = modelFolder('roberta-multi-label');
    await expect(infer({ ...TASK, model, candidateLabels: ['a'] }, ['b'])).rejects.toThrow(
      "must have a label 'entailment' in 'id2label' for zero-shot-classification",
    );
  });

  test('refuses options of another task', () => {
    expect(() => new HuggingFacePipelineModelHandler({ ...TASK, candidateLabels: ['a'], topK: 2 } as never)).toThrow(
      "'topK' is not an option of the task 'zero-shot-classification'",
    );
  });
});
