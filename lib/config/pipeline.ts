import type { InputOptions } from '../formats/format.ts';
import type { FormatName } from '../formats/registry.ts';
import type { Compute } from './compute.ts';
import type { Step } from './steps.ts';

/**
 * A part of an object's key: 0 is the first segment of what follows the pipeline, -1 the last, the object's own name.
 *
 * Locally it is a part of the path that names the results: for a folder of images, with the folder's own name in front.
 * For an object that a manifest lists, it counts in its whole key. A segment that is not there, or empty, is no key, and
 * an element that came in a message has a key of its own or none.
 */
export interface KeySegment {
  readonly segment: number;
}

/**
 * The objects of the input buckets that a manifest can name: those whose keys start with the pipeline's name, or any. With
 * `any`, each principal that can write the pipeline's manifests gets predictions for all objects of the input buckets.
 */
export type ManifestScope = 'own-prefix' | 'any';

/** How a pipeline reads its input, and which fields are an element's id and key. */
export interface PipelineInput extends InputOptions {
  readonly format: FormatName;
  readonly id?: string;
  /** The field that is an element's key, or the segment of its object's key that is. */
  readonly key?: string | KeySegment;
  /** Whether bundles are made of elements of one key, or of few: each model is then loaded for few bundles. @default false */
  readonly groupByKey?: boolean;
  /** The field that has an element's own arguments for `runInference`, an object; without it there are none. */
  readonly inferenceArgs?: string;
  /** The objects that a manifest can name. @default 'own-prefix' */
  readonly manifests?: ManifestScope;
}

export interface PipelineOutput {
  readonly format: 'jsonl';
  /** `input` writes each element's input beside its prediction. */
  readonly join: 'none' | 'input';
  /** `id` answers each element of a message by an object of its id's name. @default a part for each message */
  readonly elements?: 'id';
}

/** Named, configured steps from input format to output: plain data, but for the handlers and functions in its steps. */
export interface Pipeline {
  readonly input: PipelineInput;
  readonly steps: readonly Step[];
  readonly output: PipelineOutput;
  readonly compute: Compute;
  readonly maxFailures?: number;
  readonly maxFailureRatio?: number;
}
