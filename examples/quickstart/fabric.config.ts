import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

const model = new OnnxModelHandler<unknown, { readonly label: number }>({
  modelUri: '../models/wine.onnx', // relative to this file
  inputs: 'features',
});
const handler = model.withPostprocessFn(({ label }) => ({ cultivar: label }));

export default defineFabric({
  pipelines: {
    wine: { input: { format: 'jsonl', id: 'id' }, steps: [runInference(handler)] },
  },
});
