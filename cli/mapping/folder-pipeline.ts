import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { folderTask } from '../../lib/models/hugging-face/folder-task.ts';
import type { HuggingFaceTask } from '../../lib/models/hugging-face/pipeline-options.ts';
import { type DataSample, fieldsOf, isCompound, isNumber } from './data-sample.ts';
import { type FirstPipeline, type FirstPipelineOptions, pipelineName, sampleInputs } from './first-pipeline.ts';
import { unknownColumn } from './mismatch.ts';

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
  const sample = await sampleInputs(inputs);
  const { input, elements } = sample;
  const ofImages = task.startsWith('image-');
  if (ofImages !== (input.format === 'images'))
    throw new InputError(
      `${model} is a model for ${task}, and ${sample.uri} ${ofImages ? 'is no image' : 'is an image'}`,
    );
  const text = textField(sample, fieldsOf(elements), inputColumns);
  return {
    pipeline: {
      name: pipelineName(model),
      input,
      model: { task, model: folder, ...(text === undefined ? {} : { inputs: text }) },
    },
    notes: [`the task is ${task}`, ...(text === undefined ? [] : [`the texts are the column '${text}'`])],
  };
}

async function taskOf(folder: string): Promise<HuggingFaceTask> {
  const { task, architecture } = await folderTask(folder);
  if (task !== undefined) return task;
  throw new InputError(
    `${join(folder, 'config.json')} has 'architectures' of ${JSON.stringify(architecture)}, for which 'fabric predict' knows no task: set 'task' in a config (docs/hugging-face.md)`,
  );
}

/** Returns the field of the texts; undefined if it is `text`, which models read by themselves, or if there are no fields. */
function textField(sample: DataSample, fields: readonly string[], given: readonly string[]): string | undefined {
  const [column, ...others] = given;
  if (column !== undefined) {
    if (others.length > 0) throw new InputError("'--input-columns' must name one column, that of the texts");
    if (fields.includes(column)) return column;
    throw unknownColumn(column, sample, fields);
  }
  if (fields.length === 0 || fields.includes('text')) return undefined;
  const texts = fields.filter((field) => field.toLowerCase() !== 'id' && isText(sample.elements, field));
  const [only] = texts;
  if (only !== undefined && texts.length === 1) return only;
  throw new InputError(
    `the column of the texts in ${sample.name} is not clear: name it with '--input-columns', one of ${(texts.length > 0 ? texts : fields).join(', ')}`,
  );
}

function isText(elements: readonly unknown[], field: string): boolean {
  const values = elements.filter(isCompound).map((element) => element[field]);
  return values.every((value) => typeof value === 'string') && !values.every(isNumber);
}
