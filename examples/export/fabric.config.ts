import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

interface Digit {
  readonly digit: number;
  readonly probabilities: readonly number[];
}

function toDigit({ probabilities }: { readonly probabilities: readonly number[] }): Digit {
  return { digit: probabilities.indexOf(Math.max(...probabilities)), probabilities };
}

// An element of each is what its script writes: fields named like the model's inputs, which need no function.
const pytorch = new OnnxModelHandler<unknown, { readonly probabilities: readonly number[] }>({
  modelUri: 'out/pytorch/model.onnx',
  maxBatchSize: 64,
}).withPostprocessFn(toDigit);

const scikitLearn = new OnnxModelHandler({
  modelUri: 'out/scikit-learn/model.onnx',
  outputNames: ['label', 'probabilities'],
});

const xgboost = new OnnxModelHandler({ modelUri: 'out/xgboost/model.onnx' });

export default defineFabric({
  pipelines: {
    pytorch: { input: { format: 'jsonl', id: 'id' }, steps: [runInference(pytorch)] },
    'scikit-learn': { input: { format: 'jsonl', id: 'id' }, steps: [runInference(scikitLearn)] },
    xgboost: { input: { format: 'csv', id: 'id' }, steps: [runInference(xgboost)] },
  },
});
