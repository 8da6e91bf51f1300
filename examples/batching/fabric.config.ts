import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

interface Sentence {
  readonly tokens: readonly number[];
}

/** Batches of exactly 16, but for the end of a bundle: the same ones in every run. */
const fixedSize = new OnnxModelHandler({
  modelUri: '../models/wine.onnx',
  inputs: 'features',
  minBatchSize: 16,
  maxBatchSize: 16,
});

/** Learns its size; a batch has at most 16 MiB of tensors, and should take a fifth of a second. */
const bounded = new OnnxModelHandler({
  modelUri: '../models/wine.onnx',
  inputs: 'features',
  maxBatchSize: 4096,
  maxBatchBytes: 16 * 1024 * 1024,
  targetBatchDurationSecs: 0.2,
});

/** Sequences of different lengths in one batch: padded with 0 to the longest, which `mask` tells the model. */
const padded = new OnnxModelHandler<Sentence>({
  modelUri: '../../test/models/sequence.onnx', // inputs `tokens` and `mask`, int64 [N, L]
  minBatchSize: 8,
  padding: { axis: 1, value: 0, mask: 'mask' },
  batchBucketBoundaries: [4, 8, 16],
  maxBatchWeight: 64,
  elementSizeFn: (sentence) => sentence.tokens.length,
  oversizeElements: 'fail',
});

const wine = { format: 'jsonl', id: 'id' } as const;

export default defineFabric({
  pipelines: {
    'fixed-size': { input: wine, steps: [runInference(fixedSize)] },
    bounded: { input: wine, steps: [runInference(bounded)] },
    padded: { input: { format: 'jsonl', id: 'id' }, steps: [runInference(padded)] },
  },
});
