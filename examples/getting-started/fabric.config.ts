import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

/** One prediction: a row of each output of the model. */
interface Prediction {
  readonly output_label: number;
}

// Input 'features': FP32 [batch, 4]
const model = new OnnxModelHandler<unknown, Prediction>({
  modelUri: 'iris.onnx',
  inputs: ['sepal_length', 'sepal_width', 'petal_length', 'petal_width'],
  outputNames: ['output_label'],
});

// Try it: npx fabric run iris data/iris-sample.csv --dry-run
export default defineFabric({
  pipelines: {
    iris: {
      input: { format: 'csv', id: 'id' },
      steps: [runInference(model)],
    },
  },
});
