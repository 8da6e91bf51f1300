import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readModelContent } from '../../../lib/models/model-digest.ts';
import { HuggingFacePipelineModelHandler } from '../../../lib/models/hugging-face/hugging-face-pipeline-model-handler.ts';
import { selectFiles } from '../../../lib/models/hugging-face/folder-selection.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { ModelBucket } from '../model-bucket.ts';
import { modelFolder } from './cases.ts';

const NAMES = [
  '1_Pooling/config.json',
  'README.md',
  'config.json',
  'model.safetensors',
  'modules.json',
  'onnx/model.onnx',
  'onnx/model.onnx_data',
  'onnx/model.onnx_data_1',
  'onnx/model_quantized.onnx',
  'onnx/model_quantized.onnx.data',
  'openvino/openvino_model.bin',
  'tokenizer.json',
];

const CONFIGURATION = ['1_Pooling/config.json', 'config.json', 'modules.json'];

describe('the files of a model folder', () => {
  test('are its configuration, its tokenizer, and one variant with its weights', () => {
    expect(selectFiles(NAMES, undefined, 'm')).toEqual({
      onnx: 'onnx/model.onnx',
      names: [...CONFIGURATION, 'onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model.onnx_data_1', 'tokenizer.json'],
    });
    expect(selectFiles(NAMES, 'q8', 'm')).toEqual({
      onnx: 'onnx/model_quantized.onnx',
      names: [...CONFIGURATION, 'onnx/model_quantized.onnx', 'onnx/model_quantized.onnx.data', 'tokenizer.json'],
    });
  });

  test('can be in the folder itself, as an export writes them', () => {
    const names = ['config.json', 'model.onnx', 'tokenizer.json'];
    expect(selectFiles(names, undefined, 'm')).toEqual({ onnx: 'model.onnx', names });
  });
});

describe('the digest of a model folder', () => {
  const { modelFiles } = new HuggingFacePipelineModelHandler({
    task: 'text-classification',
    model: 'm',
    dtype: 'fp32',
  });
  const digestOf = async (folder: string): Promise<string> =>
    (await readModelContent(folder, modelFiles.select)).digest;

  test('is that of names and contents of these files alone', async () => {
    const folder = await temporaryFolder();
    await cp(modelFolder('bert-pairs'), folder, { recursive: true });
    const before = await digestOf(folder);
    await writeFile(join(folder, 'model.safetensors'), 'weights of another framework');
    await cp(join(folder, 'onnx/model.onnx'), join(folder, 'onnx/model_fp16.onnx'));
    expect(await digestOf(folder)).toBe(before);
    await writeFile(join(folder, 'special_tokens_map.json'), '{}');
    expect(await digestOf(folder)).not.toBe(before);
    await rm(join(folder, 'onnx/model.onnx'));
    await expect(digestOf(folder)).rejects.toThrow("'dtype' can be one of: 'fp16' (onnx/model_fp16.onnx)");
  });
});

const bucket = new ModelBucket();

describe('a model folder in S3', () => {
  test('is fetched without the variants that are not used, and is a new version if one of its files is', async () => {
    const { store, reads } = await bucket.openStore();
    for (const name of NAMES) await bucket.put(`sentiment/${name}`, name);
    const { modelFiles } = new HuggingFacePipelineModelHandler({
      task: 'text-classification',
      model: 's3://models/sentiment',
      dtype: 'q8',
    });
    const select = modelFiles.select ?? ((names) => names);
    const first = await store.acquire(modelFiles.uri, { select });
    expect((await readdir(first.path, { recursive: true })).toSorted()).toEqual([
      '1_Pooling',
      '1_Pooling/config.json',
      'config.json',
      'modules.json',
      'onnx',
      'onnx/model_quantized.onnx',
      'onnx/model_quantized.onnx.data',
      'tokenizer.json',
    ]);
    expect(reads).toHaveLength(6);
    expect((await readModelContent(first.path, select)).digest).toBe(first.digest);
    await bucket.put('sentiment/onnx/model.onnx', 'another');
    expect((await store.look(modelFiles.uri, { select })).id).toBe(first.version?.id);
    await bucket.put('sentiment/tokenizer.json', 'another');
    expect((await store.look(modelFiles.uri, { select })).id).not.toBe(first.version?.id);
  });

  test('without the variant is refused before anything is fetched', async () => {
    const { store, reads } = await bucket.openStore();
    await bucket.put('other/onnx/model_int8.onnx', 'x');
    const { modelFiles } = new HuggingFacePipelineModelHandler({
      task: 'text-classification',
      model: 's3://models/other/',
      dtype: 'q8',
    });
    const select = modelFiles.select ?? ((names) => names);
    await expect(store.acquire(modelFiles.uri, { select })).rejects.toThrow(
      "s3://models/other/ has no onnx/model_quantized.onnx, the file of dtype 'q8'; 'dtype' can be one of: 'int8' (onnx/model_int8.onnx)",
    );
    expect(reads).toEqual([]);
  });
});
