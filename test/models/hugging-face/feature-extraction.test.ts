import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../temporary-folder.ts';
import { besidePython, expectClose, infer, modelFolder } from './cases.ts';

const SENTENCES = { task: 'feature-extraction', model: modelFolder('sentences') } as const;

describe('feature-extraction', () => {
  test('gives the vectors of sentence-transformers, by its modules and each pooling, and the token vectors of Python', async () => {
    const pairs = await besidePython('sentences', 'feature-extraction');
    expect(pairs.length).toBeGreaterThan(50);
    for (const [ours, python] of pairs) expectClose(ours, python, 1e-5);
  });

  test('pools without padding: a vector is the same beside a longer text', async () => {
    for (const pooling of ['mean', 'max', 'cls', 'last'] as const) {
      const options = { ...SENTENCES, pooling };
      const [alone] = await infer(options, ['A wonderful film!']);
      const [beside] = await infer(options, ['A wonderful film!', 'long '.repeat(40)]);
      expectClose(beside, alone, 1e-6);
    }
  });

  test('refuses a pair, and a module that it can not compute', async () => {
    await expect(infer(SENTENCES, [{ text: 'a', text_pair: 'b' }])).rejects.toThrow(
      "an element must be one text for this task: got a pair with 'text_pair'",
    );
    const folder = await temporaryFolder();
    await cp(modelFolder('sentences'), folder, { recursive: true });
    const modules = [
      { path: '', type: 'sentence_transformers.models.Transformer' },
      { path: '2_Dense', type: 'a.Dense' },
    ];
    await writeFile(join(folder, 'modules.json'), JSON.stringify(modules));
    await expect(infer({ ...SENTENCES, model: folder }, ['a'])).rejects.toThrow(
      'modules.json has the module Dense, which is not supported: only Transformer, Pooling and Normalize are',
    );
  });

  test('reads the pooling of older folders, which have a flag for each', async () => {
    const folder = await temporaryFolder();
    await cp(modelFolder('sentences'), folder, { recursive: true });
    const flags = { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false };
    await writeFile(join(folder, '1_Pooling/config.json'), JSON.stringify(flags));
    const [old] = await infer({ ...SENTENCES, model: folder }, ['A wonderful film!']);
    const [cls] = await infer({ ...SENTENCES, pooling: 'cls' }, ['A wonderful film!']);
    expect(old).toEqual(cls);
  });
});
