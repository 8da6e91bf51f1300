import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import type { OnnxModel } from '../../lib/models/onnx-session.ts';
import type { NamedTensors, TensorMetadata } from '../../lib/models/tensor.ts';
import { modelFile } from './model-files.ts';
import { EXTREMES } from './onnx-values.ts';

/** The path that a modelUri means in a config. */
function pathIn(modelUri: string): string {
  const handler = new OnnxModelHandler({ modelUri });
  handler.resolvePaths(new URL('file:///configs/deep/fabric.config.ts'));
  return handler.modelPath;
}

describe('OnnxModelHandler options', () => {
  test.each([[undefined], [''], [5]])('refuses the modelUri %j', (modelUri) => {
    expect(() => new OnnxModelHandler({ modelUri: modelUri as string })).toThrow(TypeError);
  });

  test.each([
    [{ batchDimension: 0 }, "'batchDimension' must be true or false: current value is 0"],
    [{ maxElementTensorBytes: 0 }, "'maxElementTensorBytes' must be a positive integer: current value is 0"],
    [{ batchDimension: false, padding: {} }, "'padding' must be left out with 'batchDimension: false'"],
  ])('refuses %j', (options, message) => {
    expect(() => new OnnxModelHandler({ modelUri: 'a.onnx', ...(options as { batchDimension: boolean }) })).toThrow(
      message,
    );
  });

  test('refuses another word for missing values', () => {
    expect(() => new OnnxModelHandler({ modelUri: 'a.onnx', missing: 'NaN' as 'nan' })).toThrow(
      new TypeError("Cannot create OnnxModelHandler as 'missing' must be 'nan' or 'fail': current value is NaN"),
    );
  });

  test.each([[0], [-1], [1.5]])('refuses the padding axis %j', (axis) => {
    expect(() => new OnnxModelHandler({ modelUri: 'a.onnx', padding: { axis } })).toThrow(RangeError);
  });

  test.each([
    [{ modelCopies: 0 }, "'modelCopies' must be a positive integer: current value is 0"],
    [{ modelCopies: 1.5 }, "'modelCopies' must be a positive integer: current value is 1.5"],
    [{ modelCopies: 2, largeModel: true }, "'modelCopies' must be 1 where 'largeModel' is set: current value is 2"],
    [{ minBatchSize: 8, maxBatchSize: 4 }, "'minBatchSize' must be at most 'maxBatchSize' (4): current value is 8"],
  ])('refuses %j', (options, message) => {
    expect(() => new OnnxModelHandler({ modelUri: 'a.onnx', ...options })).toThrow(message);
  });

  test('resolves a relative modelUri against the config, and leaves an absolute path or a file URL as it is', () => {
    expect(pathIn('models/a.onnx')).toBe('/configs/deep/models/a.onnx');
    expect(pathIn('../a b.onnx')).toBe('/configs/a b.onnx');
    expect(pathIn('/models/a.onnx')).toBe('/models/a.onnx');
    expect(pathIn(pathToFileURL('/models/a b.onnx').href)).toBe('/models/a b.onnx');
  });
});

describe('a subclass of OnnxModelHandler', () => {
  class FromText extends OnnxModelHandler<string> {
    override collate(batch: readonly string[], inputs: readonly TensorMetadata[]): NamedTensors {
      return super.collate(batch.map((text) => text.split(' ')) as never, inputs);
    }
  }
  class Largest extends OnnxModelHandler<readonly number[], number> {
    override async runInference(batch: readonly (readonly number[])[], model: OnnxModel): Promise<readonly number[]> {
      // The class itself returns rows by output name.
      const rows = (await super.runInference(batch, model)) as unknown as readonly { readonly y: number[] }[];
      return rows.map(({ y }) => Math.max(...y));
    }
  }

  test('may make tensors of elements of its own in collate', async () => {
    const handler = new FromText({ modelUri: modelFile('double.onnx') });
    expect(await handler.runInference(['1 2 3', '4 5 6'], await handler.loadModel())).toEqual([
      { y: [2, 4, 6] },
      { y: [8, 10, 12] },
    ]);
  });

  test('has the rows counted that super.runInference gives', async () => {
    const handler = new Largest({ modelUri: modelFile('made-up-names.onnx') });
    const model = await handler.loadModel();
    await expect(handler.runInference([[1, 3]], model)).rejects.toMatchObject({ name: 'ResultCountError' });
  });

  test('fails for text with U+0000 that its collate packs, as the model would get only the text before it', async () => {
    class Verbatim extends OnnxModelHandler {
      override collate(batch: readonly unknown[], inputs: readonly TensorMetadata[]): NamedTensors {
        const text = { datatype: 'BYTES', shape: [batch.length], data: batch.map(() => 'a\0b') } as const;
        return { ...super.collate(batch, inputs), text };
      }
    }
    const handler = new Verbatim({ modelUri: modelFile('dtypes.onnx') });
    await expect(handler.runInference([EXTREMES], await handler.loadModel())).rejects.toThrow(
      "input 'text' contains U+0000",
    );
  });

  test('may go on from what super.runInference gives', async () => {
    const handler = new Largest({ modelUri: modelFile('double.onnx') });
    expect(await handler.runInference([[1, 3, 2]], await handler.loadModel())).toEqual([6]);
  });
});
