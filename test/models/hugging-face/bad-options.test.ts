import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HuggingFacePipelineModelHandler } from '../../../lib/models/hugging-face/hugging-face-pipeline-model-handler.ts';
import { infer, modelFolder } from './cases.ts';

const BERT = { task: 'text-classification', model: 'bert-pairs' } as const;

/** A copy of a model, gone when the test is over. */
async function copyOf(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fabric-model-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(modelFolder(name), folder, { recursive: true });
  return folder;
}

describe('an option', () => {
  test.for([
    [{ ...BERT, task: 'sentiment-analysis' }, /'task' must be one of .*text-classification.*'sentiment-analysis'/],
    [{ ...BERT, task: 'text_classification' }, /did you mean 'text-classification'\?/],
    [{ ...BERT, dtype: 'int4' }, /'dtype' must be 'fp32', 'fp16', 'q8'.*: current value is 'int4'/],
    [{ ...BERT, model: '' }, /'model' must be a folder/],
    [{ ...BERT, topK: 0 }, /'topK' must be a positive integer, or null for all labels: current value is 0/],
    [{ ...BERT, maxTokens: 1.5 }, /'maxTokens' must be a positive integer/],
    [{ ...BERT, truncation: 'yes' }, /'truncation' must be true or false: current value is 'yes'/],
    [{ ...BERT, functionToApply: 'relu' }, /'functionToApply' must be 'softmax' or 'sigmoid' or 'none'/],
    [{ ...BERT, inputs: ['a', 'b'] }, /'inputs' must be the name of a field, or \{ text: '…', textPair: '…' \}/],
    [{ ...BERT, inputs: { text: 'a', pair: 'b' } }, /'inputs' has no field 'pair'/],
    [{ ...BERT, top_k: 3 }, /unknown option 'top_k'; did you mean 'topK'\?/],
    [{ ...BERT, elementSizeFn: () => 1 }, /unknown option 'elementSizeFn'/],
    [{ ...BERT, device: 'TPU' }, /Cannot create HuggingFacePipelineModelHandler as 'device' must be 'CPU' or 'GPU'/],
  ] as const)('that breaks its rule is refused: %j', ([options, message]) => {
    expect(() => new HuggingFacePipelineModelHandler(options as never)).toThrow(message);
  });
});

describe('a folder', () => {
  test('without an ONNX file is refused with the command that exports it', async () => {
    const folder = await copyOf('bert-pairs');
    await rm(join(folder, 'onnx'), { recursive: true });
    const message = `has no onnx/model.onnx: export the model, in Python with \`optimum-cli export onnx --model ${folder} ${folder}\``;
    await expect(infer({ ...BERT, model: folder }, ['a'])).rejects.toThrow(message);
  });

  test('without the variant is refused with those that are there', async () => {
    const folder = await copyOf('bert-pairs');
    await cp(join(folder, 'onnx/model.onnx'), join(folder, 'onnx/model_fp16.onnx'));
    await expect(infer({ ...BERT, model: folder, dtype: 'q8' }, ['a'])).rejects.toThrow(
      "has no onnx/model_quantized.onnx, the file of dtype 'q8'; 'dtype' can be one of: 'fp16' (onnx/model_fp16.onnx), 'fp32' (onnx/model.onnx)",
    );
  });

  test('with one variant needs no dtype, and needs no folder onnx/', async () => {
    const folder = await copyOf('bert-pairs');
    await rename(join(folder, 'onnx/model.onnx'), join(folder, 'model_quantized.onnx'));
    await expect(infer({ ...BERT, model: folder }, ['a'])).resolves.toHaveLength(1);
  });

  test('without tokenizer.json is refused with the call that writes it', async () => {
    const folder = await copyOf('bert-pairs');
    await rm(join(folder, 'tokenizer.json'));
    await expect(infer({ ...BERT, model: folder }, ['a'])).rejects.toThrow(/has no tokenizer\.json: .*save_pretrained/);
  });

  test('without config.json, and one that is a file, is refused', async () => {
    const folder = await copyOf('bert-pairs');
    await rm(join(folder, 'config.json'));
    await expect(infer({ ...BERT, model: folder }, ['a'])).rejects.toThrow('has no config.json');
    const file = join(folder, 'onnx/model.onnx');
    await expect(infer({ ...BERT, model: file }, ['a'])).rejects.toThrow('is not a folder');
  });

  test.for([
    [{ architectures: ['BertModel'] }, /is a model of the class BertModel, and the task 'text-classification' needs/],
    [{ id2label: { 0: 'a', 1: 'b' } }, /must name the 3 labels of the model in 'id2label'.*: it names 2/],
    [{ id2label: undefined }, /must name the 3 labels of the model in 'id2label'/],
  ] as const)('whose config.json does not fit is refused: %j', async ([change, message]) => {
    const folder = await copyOf('bert-pairs');
    const { default: config } = (await import(modelFolder('bert-pairs/config.json'), { with: { type: 'json' } })) as {
      default: object;
    };
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, ...change }));
    await expect(infer({ ...BERT, model: folder }, ['a'])).rejects.toThrow(message);
  });

  test('refuses more tokens than it can read', async () => {
    const options = { ...BERT, model: modelFolder('bert-pairs'), maxTokens: 100 };
    await expect(infer(options, ['a'])).rejects.toThrow("'maxTokens' must be at most 48, the limit of the model");
  });

  test('cuts texts at maxTokens', async () => {
    const options = { ...BERT, model: modelFolder('bert-pairs'), maxTokens: 8 };
    const [long, cut] = await infer(options, ['a b c d e f g h i j', 'a b c d e f']);
    expect(long).toEqual(cut);
  });
});
