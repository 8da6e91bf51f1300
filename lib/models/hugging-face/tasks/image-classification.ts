import type { ElementCodec } from '../../element-codec.ts';
import { imageCodec } from '../image-tensors.ts';
import { labelsOf } from '../model-settings.ts';
import type { ImageTask, ImageFolder } from '../pipeline-task.ts';
import { checkClassification, classificationAt, hostedClassification } from './text-classification.ts';

/** Classifies images. */
export const imageClassification: ImageTask = {
  reads: 'images',
  options: ['topK', 'functionToApply'],
  heads: ['ForImageClassification', 'ForImageClassificationWithTeacher'],
  check: checkClassification,
  openHosted: hostedClassification,
  openCodec: imageClassificationCodec,
};

async function imageClassificationCodec(folder: ImageFolder): Promise<ElementCodec<Float32Array>> {
  const labels = labelsOf(folder.settings);
  const isList = folder.options['topK'] !== undefined;
  return {
    ...(await imageCodec(folder)),
    predictionOf: (outputs, row) => classificationAt(outputs, row, { labels, isList }),
  };
}
