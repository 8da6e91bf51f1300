import { describe, expect, test } from 'vitest';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import { infer, modelFile } from './model-files.ts';

describe('the outputs of an OnnxModelHandler', () => {
  test('counts the rows of outputs, and refuses those that are not as many as the elements', async () => {
    const elements = [
      [1, 2],
      [3, 4],
    ];
    expect(await infer('made-up-names.onnx', elements, { outputNames: ['y'] })).toEqual([{ y: [2, 4] }, { y: [6, 8] }]);
    await expect(infer('made-up-names.onnx', elements)).rejects.toMatchObject({
      name: 'ResultCountError',
      message: expect.stringContaining("output 'twice' has shape [4, 2] for a batch of 2"),
    });
    expect(await infer('unranked.onnx', elements, { outputNames: ['y'] })).toEqual(elements.map((y) => ({ y })));
    await expect(infer('unranked.onnx', elements)).rejects.toThrow("output 'total' has shape [] for a batch of 2");
    expect(await infer('unranked.onnx', [[1, 2]])).toEqual([{ y: [1, 2], total: 3 }]);
    const declared = { outputNames: ['dets'], batchDimension: true };
    await expect(
      infer(
        'detections.onnx',
        [
          [1, 1, 0, 0],
          [0, 0, 0, 0],
          [0, 0, 0, 0],
        ],
        declared,
      ),
    ).rejects.toThrow("output 'dets' has shape [2, 2] for a batch of 3");
  });

  test('trusts no number of rows that a batch of another size does not have', async () => {
    const handler = new OnnxModelHandler({ modelUri: modelFile('turned.onnx') });
    const model = await handler.loadModel();
    const twoOfTwo = [
      [1, 2],
      [3, 4],
    ];
    await expect(handler.runInference(twoOfTwo, model)).rejects.toThrow("output 'y' has shape [2, 1] for one element");
    await expect(
      handler.runInference(
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        model,
      ),
    ).rejects.toThrow('has shape [3, 2] for a batch of 2');
    const proven = await new OnnxModelHandler({
      modelUri: modelFile('made-up-names.onnx'),
      outputNames: ['y'],
    }).loadModel();
    await handler.runInference(twoOfTwo, proven);
    expect([...proven.proven]).toEqual(['2']);
  });

  test('gives the whole outputs of a batch of one that have no row for each element', async () => {
    const [found] = await infer('detections.onnx', [[1, 0, 0.75, 0]], { maxBatchSize: 1 });
    expect(found).toEqual({
      dets: [
        [0, 1],
        [0, 0.75],
      ],
      scores: [-1, -0, -0.75, -0],
    });
    await expect(
      infer(
        'detections.onnx',
        [
          [1, 0, 0, 0],
          [1, 0, 0, 0],
        ],
        { maxBatchSize: 1 },
      ),
    ).rejects.toThrow("output 'dets' has shape [2, 2] for a batch of 2");
  });

  test('runs a model without a batch dimension: a value has all dimensions, and outputs are whole', async () => {
    const [found] = await infer('no-batch.onnx', [[1, 0, 0, 0]]);
    expect(found?.['y']).toHaveLength(2);
    expect(await infer('no-batch.onnx', [{ x: [1, 0, 0, 0] }], { batchDimension: false })).toEqual([found]);
    await expect(infer('no-batch.onnx', [5])).rejects.toThrow(
      "input 'x' must be FP32 of shape [4]: got a single value",
    );
    const all = await infer(
      'double.onnx',
      [
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
      ],
      { batchDimension: false },
    );
    expect(all).toEqual([
      {
        y: [
          [2, 4, 6],
          [8, 10, 12],
        ],
      },
    ]);
    const scalar = { x: [[1, 2]], factor: 3 };
    expect(await infer('scalar-input.onnx', [scalar], { batchDimension: false })).toEqual([{ y: [[3, 6]] }]);
  });

  test('gives only the outputs that outputNames chooses', async () => {
    const results = await infer('two-inputs.onnx', [{ a: [1, 2], b: 10 }], { outputNames: ['count'] });
    expect(results).toEqual([{ count: 11 }]);
  });
});
