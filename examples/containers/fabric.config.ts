import { container, defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

const model = new OnnxModelHandler<readonly number[], { readonly label: number }>({ modelUri: '../models/wine.onnx' });

export default defineFabric({
  pipelines: {
    wine: {
      input: { format: 'jsonl', id: 'id' },
      steps: [runInference(model.withPreprocessFn((wine: { readonly features: readonly number[] }) => wine.features))],
      compute: container({ gpus: 1 }),
    },
  },
});
