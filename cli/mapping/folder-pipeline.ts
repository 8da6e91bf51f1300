import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findInputs } from '../../lib/jobs/run/find-inputs.ts';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { readJsonValue, readSettings } from '../../lib/models/hugging-face/model-settings.ts';
import type { HuggingFaceTask } from '../../lib/models/hugging-face/pipeline-options.ts';
import { suggestion } from '../../lib/nearest-name.ts';
import { fieldsOf, isCompound, isNumber } from './data-sample.ts';
import { detectInput } from './detect-format.ts';
import { type FirstPipeline, type FirstPipelineOptions, pipelineName } from './first-pipeline.ts';
import { sampleElements } from './sample-elements.ts';

/** Tasks that a folder decides, by the end of the name of its architecture. */
const TASK_OF_HEAD: readonly (readonly [suffix: string, task: HuggingFaceTask])[] = [
  ['ForSequenceClassification', 'text-classification'],
  ['ForTokenClassification', 'token-classification'],
  ['ForImageClassification', 'image-classification'],
  ['ViTModel', 'image-feature-extraction'],
  ['Model', 'feature-extraction'],
];

/** A pipeline for a Hugging Face folder, with sentences for the user about what was assumed. */
export interface FolderPipeline {
  readonly pipeline: FirstPipeline;
  readonly notes: readonly string[];
}

/** Returns true if a model is a folder on this machine. */
export async function isModelFolder(model: string): Promise<boolean> {
  const stats = await stat(model).catch(() => undefined);
  return stats?.isDirectory() === true;
}

/**
 * Makes a pipeline for a Hugging Face folder and the first file of some inputs: the folder's architecture decides the task.
 *
 * @throws ModelLoadError if the folder has no configuration; InputError if it decides no task, or no column is the text.
 */
export async function planFolderPipeline({
  model,
  inputs,
  inputColumns = [],
}: FirstPipelineOptions): Promise<FolderPipeline> {
  const folder = resolve(model);
  const task = await taskOf(folder);
  const [first] = await findInputs(inputs, 'text');
  if (first === undefined) throw new InputError('there is no input');
  const input = await detectInput(first.uri);
  const ofImages = task.startsWith('image-');
  if (ofImages !== (input.format === 'images'))
    throw new InputError(
      `${model} is a model for ${task}, and ${first.uri} ${ofImages ? 'is no image' : 'is an image'}`,
    );
  const elements = ofImages ? [] : await sampleElements(first.uri, input);
  const fields = fieldsOf(elements);
  const text = fields.length === 0 ? undefined : textField({ name: first.name, elements, fields }, inputColumns);
  const id = fields.find((field) => field.toLowerCase() === 'id');
  return {
    pipeline: {
      name: pipelineName(model),
      input: { ...input, ...(id === undefined ? {} : { id }) },
      model: { task, model: folder, ...(text === undefined ? {} : { inputs: text }) },
    },
    notes: [`the task is ${task}`, ...(text === undefined ? [] : [`the texts are the column '${text}'`])],
  };
}

async function taskOf(folder: string): Promise<HuggingFaceTask> {
  const { config } = await readSettings(folder);
  if ((await readJsonValue(folder, 'modules.json')) !== undefined) return 'feature-extraction';
  const [architecture] = Array.isArray(config['architectures']) ? (config['architectures'] as readonly unknown[]) : [];
  const found = TASK_OF_HEAD.find(([suffix]) => String(architecture).endsWith(suffix));
  if (found !== undefined) return found[1];
  throw new InputError(
    `${join(folder, 'config.json')} has 'architectures' of ${JSON.stringify(architecture)}, for which 'fabric predict' knows no task: set 'task' in a config (docs/hugging-face.md)`,
  );
}

interface SampledTexts {
  readonly name: string;
  readonly elements: readonly unknown[];
  readonly fields: readonly string[];
}

/** Returns the field of the texts; undefined if it is `text`, which models read by themselves. */
function textField({ name, elements, fields }: SampledTexts, given: readonly string[]): string | undefined {
  const [column] = given;
  if (column !== undefined) {
    if (fields.includes(column)) return column;
    throw new InputError(
      `'--input-columns' names '${column}', and ${name} has no such column${suggestion(column, fields)}; its columns are ${fields.join(', ')}`,
    );
  }
  if (fields.includes('text')) return undefined;
  const texts = fields.filter((field) => field.toLowerCase() !== 'id' && isText(elements, field));
  const [only] = texts;
  if (only !== undefined && texts.length === 1) return only;
  throw new InputError(
    `the column of the texts in ${name} is not clear: name it with '--input-columns', one of ${(texts.length > 0 ? texts : fields).join(', ')}`,
  );
}

function isText(elements: readonly unknown[], field: string): boolean {
  const values = elements.filter(isCompound).map((element) => element[field]);
  return values.every((value) => typeof value === 'string') && !values.every(isNumber);
}
