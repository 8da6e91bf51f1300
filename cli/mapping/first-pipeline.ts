import { basename, resolve } from 'node:path';
import { findInputs } from '../../lib/jobs/run/find-inputs.ts';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { ModelLoadError } from '../../lib/errors.ts';
import type { DeclaredInputs } from '../../lib/models/declared-inputs.ts';
import type { InspectedModel } from '../../lib/models/inspect-onnx.ts';
import type { HuggingFaceTask } from '../../lib/models/hugging-face/pipeline-options.ts';
import { isS3Uri } from '../../lib/stores/open-source.ts';
import { inspectModel } from '../inspect/inspect-command.ts';
import { type DetectedInput, detectInput } from './detect-format.ts';
import { type DataSample, fieldsOf } from './data-sample.ts';
import { mapInputs } from './map-inputs.ts';
import { sampleElements } from './sample-elements.ts';

/** Options of the model's handler that a model and a file determine. */
export interface FirstModel {
  /** Absolute path or `s3://` URI. */
  readonly modelUri: string;
  readonly inputs?: DeclaredInputs;
  readonly outputNames?: readonly string[];
}

/** Options of the handler that a Hugging Face folder and a file determine. */
export interface FirstFolder {
  readonly task: HuggingFaceTask;
  /** Absolute path. */
  readonly model: string;
  /** The field of the texts. @default the element, or its field `text` */
  readonly inputs?: string;
}

/** A pipeline for a model and a file, without a config of the user's. It is plain JSON. */
export interface FirstPipeline {
  /** Name of the pipeline: that of the model's file. */
  readonly name: string;
  readonly input: DetectedInput & { readonly id?: string };
  readonly model: FirstModel | FirstFolder;
}

/** A pipeline of an ONNX model, with the facts that it was made of. */
export interface PlannedPipeline {
  readonly pipeline: FirstPipeline & { readonly model: FirstModel };
  readonly inspected: InspectedModel;
  /** URI of the file that was looked at. */
  readonly data: string;
  readonly elements: readonly unknown[];
  /** Sentences for the user about what was assumed. */
  readonly notes: readonly string[];
}

export interface FirstPipelineOptions {
  readonly model: string;
  /** Files, directories, globs and `s3://` URIs. */
  readonly inputs: readonly string[];
  /** Values of `--input-columns`. */
  readonly inputColumns?: readonly string[];
}

/** The first elements of some inputs, and how a pipeline reads them. */
export interface InputSample extends DataSample {
  readonly uri: string;
  readonly input: FirstPipeline['input'];
}

/** Looks at the first file of some inputs. A field called `id` is the elements' id. @throws InputError if there is no file */
export async function sampleInputs(inputs: readonly string[]): Promise<InputSample> {
  // Directories are listed file by file if objects hold many elements.
  const [first] = await findInputs(inputs, 'text');
  if (first === undefined) throw new InputError('there is no input');
  const { uri, name } = first;
  const input = await detectInput(uri);
  const elements = await sampleElements(uri, input);
  const id = fieldsOf(elements).find((field) => field.toLowerCase() === 'id');
  return { uri, name, elements, input: { ...input, ...(id === undefined ? {} : { id }) } };
}

/**
 * Inspects a model. @throws ModelLoadError if it can't be run
 */
export async function inspectRunnable(model: string): Promise<InspectedModel> {
  const inspected = await inspectModel(model);
  if (inspected.refused === undefined) return inspected;
  throw new ModelLoadError(`the model ${model} ${inspected.refused}`);
}

/**
 * Makes a pipeline for a model and the first file of some inputs.
 *
 * @throws ModelLoadError if the model can't be run; InputError if the file can't be read or does not fit the model.
 */
export async function planFirstPipeline({
  model,
  inputs,
  inputColumns,
}: FirstPipelineOptions): Promise<PlannedPipeline> {
  const inspected = await inspectRunnable(model);
  const sample = await sampleInputs(inputs);
  const { input, uri } = sample;
  if (input.format === 'images')
    throw new InputError(
      `${uri} is an image: a config has to describe how its pixels become the numbers of the model (decodeImage in docs/models.md)`,
    );
  const { inputs: declared, note } = mapInputs(inspected, sample, inputColumns);
  const { outputNames } = inspected;
  return {
    pipeline: {
      name: pipelineName(model),
      input,
      model: {
        modelUri: isS3Uri(model) || model.startsWith('file:') ? model : resolve(model),
        ...(declared === undefined ? {} : { inputs: declared }),
        ...(outputNames === undefined ? {} : { outputNames }),
      },
    },
    inspected,
    data: uri,
    elements: sample.elements,
    notes: [
      ...(note === undefined ? [] : [note]),
      ...(outputNames === undefined
        ? []
        : [`outputs that are not tensors are left out; predictions have ${outputNames.join(', ')}`]),
    ],
  };
}

/** Makes a name for a pipeline of a model's file name: lower-case letters, digits and hyphens. */
export function pipelineName(model: string): string {
  const stem = basename(model).replace(/\.\w+$/, '');
  const name = stem
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return name || 'predict';
}
