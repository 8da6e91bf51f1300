import { decodeImage, defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';

const WIDTH = 30;
const BATCH_SIZE = 1024;
const IMAGE_BATCH_SIZE = 16;
const columns = Array.from({ length: WIDTH }, (_, column) => `x${column}`);
const mlp = { modelUri: '../out/peers/mlp.onnx', minBatchSize: BATCH_SIZE, maxBatchSize: BATCH_SIZE };

export default defineFabric({
  pipelines: {
    jsonl: {
      input: { format: 'jsonl', id: 'id' },
      steps: [runInference(new OnnxModelHandler({ ...mlp, inputs: { x: 'x' } }))],
    },
    csv: {
      input: { format: 'csv', id: 'id', quotedNewlines: false },
      steps: [runInference(new OnnxModelHandler({ ...mlp, inputs: { x: columns } }))],
    },
    images: {
      input: { format: 'images' },
      steps: [
        runInference(
          new OnnxModelHandler({
            modelUri: '../out/peers/conv-net.onnx',
            minBatchSize: IMAGE_BATCH_SIZE,
            maxBatchSize: IMAGE_BATCH_SIZE,
          }).withPreprocessFn(decodeImage({ width: 224, height: 224, channels: 3, layout: 'CHW' })),
        ),
      ],
    },
  },
});
