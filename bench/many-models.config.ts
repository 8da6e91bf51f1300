import { defineFabric, KeyedModelHandler, KeyModelMapping, OnnxModelHandler, runInference } from 'inference-fabric';
import { BATCH_SIZE } from './settings.ts';

const [a, b] = ['out/a.onnx', 'out/b.onnx'].map(
  (modelUri) => new OnnxModelHandler({ modelUri, minBatchSize: BATCH_SIZE, maxBatchSize: BATCH_SIZE }),
);
if (a === undefined || b === undefined) throw new TypeError('two models are needed');
const mappings = [new KeyModelMapping(['a'], a), new KeyModelMapping(['b'], b)];
const input = { format: 'jsonl', key: 'key' } as const;

export default defineFabric({
  pipelines: {
    'one-model': { input, steps: [runInference(a)] },
    'two-models': { input, steps: [runInference(new KeyedModelHandler(mappings))] },
    'one-in-memory': { input, steps: [runInference(new KeyedModelHandler(mappings, { maxModelsPerWorkerHint: 1 }))] },
  },
});
