import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

// Each row has the model's 13 features. A scikit-learn pipeline scales and classifies them: see examples/models/train.py.
const model = new OnnxModelHandler({ modelUri: '../models/wine.onnx' });

export default defineFabric({
  pipelines: {
    wine: { input: { format: 'csv', header: false }, steps: [runInference(model)] },
  },
});
