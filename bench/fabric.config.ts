import { decodeImage, defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';
import { BATCH_SIZE, IMAGE_BATCH_SIZE, MODELS } from './settings.ts';

export default defineFabric({
  pipelines: {
    rows: {
      input: { format: 'jsonl' },
      steps: [
        runInference(
          new OnnxModelHandler({ modelUri: MODELS.mlp, minBatchSize: BATCH_SIZE, maxBatchSize: BATCH_SIZE }),
        ),
      ],
    },
    images: {
      input: { format: 'images' },
      steps: [
        runInference(
          new OnnxModelHandler({
            modelUri: MODELS.convNet,
            minBatchSize: IMAGE_BATCH_SIZE,
            maxBatchSize: IMAGE_BATCH_SIZE,
          }).withPreprocessFn(decodeImage({ width: 224, height: 224, channels: 3, layout: 'CHW' })),
        ),
      ],
    },
  },
});
