import {
  decodeImage,
  defineFabric,
  HuggingFacePipelineModelHandler,
  OnnxModelHandler,
  runInference,
} from 'inference-fabric';
import { FEATURES, toDiagnosis } from './examples/pipelines/breast-cancer.ts';
import type { Classification } from './examples/pipelines/classification.ts';

const breastCancer = new OnnxModelHandler<unknown, Classification>({
  modelUri: 'examples/models/breast-cancer.onnx',
  inputs: FEATURES,
  minBatchSize: 8,
  maxBatchSize: 256,
});

const digits = new OnnxModelHandler<Float32Array, Classification>({ modelUri: 'examples/models/digits.onnx' });

const wine = new OnnxModelHandler<unknown, Classification>({
  modelUri: 'examples/models/wine.onnx',
  inputs: 'features',
});

const sentiment = new HuggingFacePipelineModelHandler({
  task: 'text-classification',
  model: 'examples/models/sentiment',
  inputs: 'text',
  // The weights are 8-bit integers, which round differently in other batches: of one size, they are the same in each run.
  minBatchSize: 8,
  maxBatchSize: 8,
});

export default defineFabric({
  pipelines: {
    'breast-cancer': {
      input: { format: 'csv', id: 'id' },
      steps: [runInference(breastCancer.withPostprocessFn(toDiagnosis), { timeoutSecs: 60 })],
      output: { join: 'input' },
    },
    digits: {
      input: { format: 'images' },
      steps: [
        runInference(
          digits
            .withPreprocessFn(decodeImage({ width: 8, height: 8, channels: 1, layout: 'HWC' }))
            .withPostprocessFn(({ label, probabilities }) => ({ digit: label, confidence: probabilities[label] ?? 0 })),
        ),
      ],
      // The input's `uri` says which file it was.
      output: { join: 'input' },
    },
    wine: {
      input: { format: 'jsonl', id: 'id' },
      steps: [runInference(wine.withPostprocessFn(({ label }) => ({ cultivar: label })))],
      output: { join: 'input' },
    },
    reviews: {
      input: { format: 'csv', id: 'id' },
      steps: [runInference(sentiment)],
      output: { join: 'input' },
    },
  },
});
