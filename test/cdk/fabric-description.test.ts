import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeFabric } from '../../cdk/fabric-description.ts';
import { ConfigError } from '../../lib/errors.ts';

import { modelFile } from '../models/model-files.ts';
import { CONFIG } from './synthesize.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

/** A config with one pipeline, whose model is at `modelUri`. */
async function configWith(modelUri: string, before = ''): Promise<string> {
  const path = join(await temporaryFolder(), 'fabric.config.mjs');
  const library = new URL('../../lib/index.ts', import.meta.url).href;
  await writeFile(
    path,
    `import { defineFabric, OnnxModelHandler, runInference } from '${library}'; ${before}
    const steps = [runInference(new OnnxModelHandler({ modelUri: ${JSON.stringify(modelUri)} }))];
    export default defineFabric({ pipelines: { p: { input: { format: 'jsonl' }, steps } } });`,
  );
  return path;
}

describe('describeFabric', () => {
  test('says what of a configuration decides what is deployed', () => {
    const { configPath, facts, pipelines } = describeFabric(CONFIG);
    expect(configPath).toBe(CONFIG);
    expect(Object.keys(facts)).toEqual(['plain', 'across-bundles', 'from-s3']);
    expect(facts['from-s3']).toMatchObject({
      input: { format: 'csv' },
      config: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(pipelines).toEqual([
      {
        name: 'plain',
        compute: expect.anything(),
        manifests: 'own-prefix',
        modelFiles: [modelFile('double.onnx')],
        modelObjects: [],
      },
      {
        name: 'across-bundles',
        compute: { kind: 'lambda', memoryMb: 2048, timeoutSecs: 120, ephemeralStorageMb: 2048, maxConcurrency: 7 },
        manifests: 'own-prefix',
        maxBatchDurationSecs: 2.5,
        modelFiles: [modelFile('double.onnx')],
        modelObjects: [],
      },
      {
        name: 'from-s3',
        compute: expect.objectContaining({ architecture: 'x86_64' }),
        manifests: 'own-prefix',
        modelFiles: [],
        modelObjects: ['s3://models/sentiment/v1.onnx', 's3://models/summary/*'],
      },
    ]);
  });

  test('ships the files of a Hugging Face folder that its variant needs', async () => {
    const folder = await temporaryFolder();
    for (const name of ['config.json', 'tokenizer.json', 'onnx/model.onnx', 'onnx/model_q4.onnx', 'model.safetensors'])
      await writeIn(folder, `m/${name}`, '{}');
    const library = new URL('../../lib/index.ts', import.meta.url).href;
    const path = await writeIn(
      folder,
      'fabric.config.mjs',
      `import { defineFabric, HuggingFacePipelineModelHandler, runInference } from '${library}';
      const handler = new HuggingFacePipelineModelHandler({ task: 'text-classification', model: 'm', dtype: 'q4' });
      export default defineFabric({ pipelines: { p: { input: { format: 'text' }, steps: [runInference(handler)] } } });`,
    );
    const [pipeline] = describeFabric(path).pipelines;
    expect(pipeline?.modelFiles).toEqual(
      ['config.json', 'onnx/model_q4.onnx', 'tokenizer.json'].map((name) => join(folder, 'm', name)),
    );
  });

  test("finds a model's external data", async () => {
    const uri = new URL('../models/external.onnx', import.meta.url).href;
    const [pipeline] = describeFabric(await configWith(uri)).pipelines;
    expect(pipeline?.modelFiles).toEqual([modelFile('external.onnx'), modelFile('external.onnx.data')]);
  });

  test('follows a pointer that goes with the code', async () => {
    const path = await configWith('current.json');
    const pointer = await writeIn(dirname(path), 'current.json', '{"modelUri":"v1/external.onnx"}');
    const model = await writeIn(dirname(path), 'v1/external.onnx', readFileSync(modelFile('external.onnx')));
    expect(describeFabric(path).pipelines[0]?.modelFiles).toEqual([pointer, model, `${model}.data`].toSorted());
    await writeIn(dirname(path), 'current.json', '{"modelUri":"s3://models/v1.onnx"}');
    expect(describeFabric(path).pipelines[0]).toMatchObject({
      modelFiles: [pointer],
      modelObjects: ['s3://models/v1.onnx'],
    });
    await writeIn(dirname(path), 'current.json', '{}');
    expect(() => describeFabric(path)).toThrow(`Cannot follow the pointer ${pointer} as 'modelUri' must be a string`);
  });

  test('does not mind what a config prints', async () => {
    const uri = new URL('../models/double.onnx', import.meta.url).href;
    expect(describeFabric(await configWith(uri, "console.log('hello');")).pipelines).toHaveLength(1);
  });

  test.each([
    ['absent.onnx', /pipelines\.p: there is no model file .*absent\.onnx$/],
    [
      '/models/a.onnx',
      /pipelines\.p: 'modelUri' must be relative to the config file, or s3:.*: current value is '\/models\/a\.onnx'$/,
    ],
  ])('refuses the model %s', async (uri, message) => {
    const path = await configWith(uri);
    expect(() => describeFabric(path)).toThrow(ConfigError);
    expect(() => describeFabric(path)).toThrow(message);
  });

  test('says so where there is no config, or it ends its process', async () => {
    expect(() => describeFabric('/nowhere/fabric.config.ts')).toThrow(
      'there is no config file /nowhere/fabric.config.ts',
    );
    const path = await configWith('a.onnx', 'process.exit(7);');
    expect(() => describeFabric(path)).toThrow(`cannot read ${path}: the process that imports it exited with status 7`);
  });
});
