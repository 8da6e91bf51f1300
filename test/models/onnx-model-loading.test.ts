import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ModelLoadError } from '../../lib/errors.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import { infer, modelFile, modelFolder } from './model-files.ts';
import { load } from './onnx-values.ts';

describe('OnnxModelHandler.loadModel', () => {
  test('refuses an output that is not a tensor, with the advice to leave it out', async () => {
    await expect(load('zipmap.onnx')).rejects.toThrow(
      "output 'output_probability' is not a tensor: leave it out by naming the others in 'outputNames'",
    );
  });

  test('takes the advice', async () => {
    const [result] = await infer('zipmap.onnx', [[5.1, 3.5, 1.4, 0.2]], { outputNames: ['output_label'] });
    expect(result).toEqual({ output_label: expect.any(Number) });
  });

  test('refuses an output that has no row for each element, with the advice to leave it out', async () => {
    await expect(load('bad-output.onnx')).rejects.toThrow(
      "output 'total' has dimension 0 fixed at 1, so it has no row for each element: leave it out by naming the others in 'outputNames'",
    );
    expect(await infer('bad-output.onnx', [[1, 2]], { outputNames: ['y'] })).toEqual([{ y: [1, 2] }]);
  });

  test('refuses an output whose length depends on values, with what helps', async () => {
    await expect(load('detections.onnx')).rejects.toThrow(
      "output 'dets' has a dimension 0 'num_dets' whose length depends on the values of the elements, so it has no row for each element: leave it out by naming the others in 'outputNames', or set 'maxBatchSize: 1' for each element to have the whole output",
    );
    expect(await infer('detections.onnx', [[1, 0, 0, 0]], { outputNames: ['scores'] })).toHaveLength(1);
  });

  test('names a type that onnxruntime-node does not have, and the output that has it', async () => {
    await expect(load('bfloat16.onnx')).rejects.toThrow(
      "output 'y' is of type bfloat16, which onnxruntime-node can't read: convert it to float32 in the model (Cast)",
    );
  });

  test('names the outputs there are where outputNames has another', async () => {
    await expect(load('two-inputs.onnx', ['sum', 'total'])).rejects.toThrow(
      "'outputNames' has 'total': the model's outputs are sum, count",
    );
  });

  test.each(['zipmap.onnx', 'bad-output.onnx', 'corrupt.onnx', 'missing.onnx'])(
    'names the file where %s is refused',
    async (name) => {
      const error = await load(name).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(ModelLoadError);
      expect((error as ModelLoadError).message).toContain(modelFile(name));
    },
  );

  test('refuses a model whose external data is missing', async () => {
    const folder = await modelFolder('external.onnx');
    const handler = new OnnxModelHandler({ modelUri: join(folder, 'external.onnx') });
    await expect(handler.loadModel()).rejects.toThrow(ModelLoadError);
  });

  test('refuses an empty file', async () => {
    const path = join(await modelFolder(), 'empty.onnx');
    await writeFile(path, '');
    await expect(new OnnxModelHandler({ modelUri: path }).loadModel()).rejects.toThrow(ModelLoadError);
  });
});

describe('where an OnnxModelHandler finds its model', () => {
  test('is where a pointer points', async () => {
    const folder = await modelFolder('mlp.onnx');
    await writeFile(join(folder, 'current.json'), '{"modelUri":"mlp.onnx"}');
    const handler = new OnnxModelHandler({ modelUri: join(folder, 'current.json') });
    expect(await handler.localPath()).toBe(join(folder, 'mlp.onnx'));
    handler.modelFiles.useLocalPath(modelFile('wide.onnx'));
    expect(await handler.localPath()).toBe(modelFile('wide.onnx'));
  });

  test('is a file, and not the folder that it is in', async () => {
    const handler = new OnnxModelHandler({ modelUri: await modelFolder('mlp.onnx') });
    await expect(handler.loadModel()).rejects.toThrow("is a folder: 'modelUri' must name the model file in it");
  });

  test('is a matter of the engine, unless a subclass sees to it', () => {
    class Own extends OnnxModelHandler {
      override localPath(): Promise<string> {
        return Promise.resolve(modelFile('mlp.onnx'));
      }
    }
    expect(new OnnxModelHandler({ modelUri: 'm.onnx' }).modelFiles.isFetched).toBe(true);
    expect(new Own({ modelUri: 'm.onnx' }).modelFiles.isFetched).toBe(false);
  });
});
