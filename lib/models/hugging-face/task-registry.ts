import { suggestion } from '../../nearest-name.ts';
import type { HuggingFaceTask } from './pipeline-options.ts';
import type { PipelineTask } from './pipeline-task.ts';
import { featureExtraction } from './tasks/feature-extraction.ts';
import { imageClassification } from './tasks/image-classification.ts';
import { imageFeatureExtraction } from './tasks/image-feature-extraction.ts';
import { textClassification } from './tasks/text-classification.ts';
import { tokenClassification } from './tasks/token-classification.ts';
import { zeroShotClassification } from './tasks/zero-shot-classification.ts';

/** All tasks. Adding one is a file in `tasks/` and a line here and in `pipeline-options.ts`. */
const TASKS: Readonly<Record<HuggingFaceTask, PipelineTask>> = {
  'text-classification': textClassification,
  'feature-extraction': featureExtraction,
  'sentence-similarity': featureExtraction,
  'zero-shot-classification': zeroShotClassification,
  'token-classification': tokenClassification,
  'image-classification': imageClassification,
  'image-feature-extraction': imageFeatureExtraction,
};

/** Returns a task by its name. @throws RangeError that lists the tasks if no task has this name */
export function taskNamed(name: string): PipelineTask {
  if (Object.hasOwn(TASKS, name)) return TASKS[name as HuggingFaceTask];
  const known = Object.keys(TASKS);
  throw new RangeError(
    `Cannot create HuggingFacePipelineModelHandler as 'task' must be one of ${known.join(', ')}: current value is '${name}'${suggestion(name, known)}`,
  );
}
