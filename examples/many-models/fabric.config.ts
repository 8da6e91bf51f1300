import { defineFabric, KeyedModelHandler, KeyModelMapping, OnnxModelHandler, runInference } from 'inference-fabric';
import type { Classification } from '../pipelines/classification.ts';

const wine = new OnnxModelHandler<unknown, Classification>({
  modelUri: '../models/wine.onnx',
  inputs: 'measurements',
  maxBatchSize: 64,
}).withPostprocessFn(({ label }) => `cultivar ${label}`);

const tumour = new OnnxModelHandler<unknown, Classification>({
  modelUri: '../models/breast-cancer.onnx',
  inputs: 'measurements',
}).withPostprocessFn(({ label }) => (label === 0 ? 'malignant' : 'benign'));

const byAssay = new KeyedModelHandler(
  [new KeyModelMapping(['wine'], wine), new KeyModelMapping(['biopsy', 'cytology'], tumour)],
  { maxModelsPerWorkerHint: 1 },
);

export default defineFabric({
  pipelines: {
    samples: {
      input: { format: 'jsonl', id: 'id', key: 'assay', groupByKey: true },
      steps: [runInference(byAssay)],
    },
  },
});
