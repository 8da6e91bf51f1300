import { describe, expect, test } from 'vitest';
import { besidePython, expectClose, infer, modelFolder } from './cases.ts';

/** Maximum difference of a score from Python's, in 32-bit floats. */
const TOLERANCE = 1e-5;

describe.for([
  ['bert-pairs', 'WordPiece, token types, three labels'],
  ['roberta-multi-label', 'byte-level BPE, several labels at once'],
  ['xlmr-reranker', 'Unigram, one label'],
] as const)('text-classification of %s (%s)', ([name]) => {
  test('gives the labels and scores of Python for texts and pairs, also for those that are cut', async () => {
    const pairs = await besidePython(name, 'text-classification');
    expect(pairs.length).toBeGreaterThan(30);
    for (const [ours, python] of pairs) expectClose(ours, python, TOLERANCE);
  });
});

describe('a batch', () => {
  test('has the predictions of its elements alone', async () => {
    const options = { task: 'text-classification', model: modelFolder('bert-pairs'), topK: null } as const;
    const texts = ['a', 'A wonderful film!', 'long '.repeat(60), 'Does the battery last?'];
    const together = await infer(options, texts);
    for (const [index, text] of texts.entries()) {
      const [alone] = await infer(options, [text]);
      expectClose(together[index], alone, 1e-6);
    }
  });
});
