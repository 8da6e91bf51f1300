import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

export default defineFabric({
  pipelines: {
    wine: {
      input: { format: 'jsonl', id: 'id' },
      steps: [runInference(new OnnxModelHandler({ modelUri: 'examples/models/wine.onnx' }))],
    },
  },
});
