import { branch, defineFabric, map, OnnxModelHandler, runInference } from 'inference-fabric';
import type { Classification } from '../pipelines/classification.ts';

interface Votes {
  readonly regression: readonly number[];
  readonly network: readonly number[];
}

/** The probabilities that one of the models gives. */
function classify(modelUri: string) {
  const model = new OnnxModelHandler<unknown, Classification>({ modelUri, inputs: 'features', minBatchSize: 16 });
  return runInference(model.withPostprocessFn(({ probabilities }) => probabilities));
}

const regression = [classify('../models/wine.onnx')];
const network = [classify('../models/wine-network.onnx')];

function average({ regression, network }: Votes): readonly number[] {
  return regression.map((probability, cultivar) => (probability + (network[cultivar] ?? 0)) / 2);
}

function likeliest(probabilities: readonly number[]): { readonly cultivar: number; readonly probability: number } {
  const probability = Math.max(...probabilities);
  return { cultivar: probabilities.indexOf(probability), probability };
}

export default defineFabric({
  pipelines: {
    // Every element goes through both models; what comes out is the likeliest by the average of the two.
    ensemble: {
      input: { format: 'jsonl', id: 'id' },
      steps: [branch({ regression, network }), map(average), map(likeliest)],
      output: { join: 'input' },
    },
    // One element in ten, the same ones in every run, goes through the new model: its prediction is { next: … }.
    'ab-test': {
      input: { format: 'jsonl', id: 'id' },
      steps: [
        branch(
          { next: [...network, map(likeliest)], now: [...regression, map(likeliest)] },
          { split: { next: 1, now: 9 } },
        ),
      ],
      output: { join: 'input' },
    },
  },
});
