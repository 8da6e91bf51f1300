import { container, defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

const model = new OnnxModelHandler({ modelUri: '../models/wine.onnx', inputs: 'features' });

export default defineFabric({
  pipelines: {
    wine: {
      input: { format: 'jsonl', id: 'id' },
      steps: [runInference(model)],
      compute: container({ gpus: 1 }),
    },
  },
});
