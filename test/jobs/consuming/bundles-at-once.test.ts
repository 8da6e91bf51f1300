import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';
import { describe, expect, test } from 'vitest';
import { bundlesAtOnce } from '../../../lib/jobs/consuming/bundles-at-once.ts';

const { pipelines } = defineFabric({
  pipelines: {
    alone: { input: { format: 'jsonl' }, steps: [runInference(new OnnxModelHandler({ modelUri: 'm.onnx' }))] },
    shared: {
      input: { format: 'jsonl' },
      steps: [runInference(new OnnxModelHandler({ modelUri: 'm.onnx', maxBatchDurationSecs: 1 }))],
    },
  },
});

const MOMENT_MILLIS = 1000;
const MINUTE_MILLIS = 60_000;

describe('the bundles that are taken at once', () => {
  test.each([
    ['alone', 1, 3],
    ['alone', 4, 8],
    ['alone', 48, 56],
    ['shared', 1, 12],
    ['shared', 4, 44],
  ])(
    'are one for each worker and a few ahead, or as many as batches want: %s with %i workers, %i',
    (name, workers, most) => {
      const pipeline = pipelines[name];
      expect(pipeline && bundlesAtOnce({ workers, pipeline }, MOMENT_MILLIS)).toBe(most);
    },
  );

  test.each([
    ['alone', 1, 2],
    ['alone', 48, 49],
    ['shared', 4, 41],
  ])(
    'are one ahead of those that take long, or before one has ended: %s with %i workers, %i',
    (name, workers, most) => {
      const pipeline = pipelines[name];
      expect(pipeline && bundlesAtOnce({ workers, pipeline }, MINUTE_MILLIS)).toBe(most);
      expect(pipeline && bundlesAtOnce({ workers, pipeline })).toBe(most);
    },
  );
});
