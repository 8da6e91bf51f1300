import type { ElementCodec } from '../../element-codec.ts';
import { imageCodec } from '../image-tensors.ts';
import { type ImageTask, rowOfFloats, type ImageFolder } from '../pipeline-task.ts';
import { featureExtraction, vectorsAt } from './feature-extraction.ts';

/** Computes the vector of an image, or with `pooling: 'none'` those of its patches. */
export const imageFeatureExtraction: ImageTask = {
  reads: 'images',
  options: featureExtraction.options,
  heads: [],
  check: (options) => featureExtraction.check(options),
  openHosted: (folder) => featureExtraction.openHosted(folder),
  openCodec: imageFeatureCodec,
};

async function imageFeatureCodec(folder: ImageFolder): Promise<ElementCodec<Float32Array>> {
  return {
    ...(await imageCodec(folder)),
    predictionOf({ embedding, tokens }, row) {
      if (tokens === undefined) return Array.from(rowOfFloats(embedding, row));
      const [, count = 0] = tokens.shape;
      return vectorsAt(tokens, row * count, count);
    },
  };
}
