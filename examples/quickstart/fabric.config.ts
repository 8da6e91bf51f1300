import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

const model = new OnnxModelHandler<readonly number[], { readonly label: number }>({
  modelUri: '../models/wine.onnx', // relative to this file
});
const handler = model
  .withPreprocessFn((wine: { readonly features: readonly number[] }) => wine.features)
  .withPostprocessFn(({ label }) => ({ cultivar: label }));

export default defineFabric({
  pipelines: {
    wine: { input: { format: 'jsonl', id: 'id' }, steps: [runInference(handler)] },
  },
});
