import type { InputOptions } from '../formats/format.ts';
import type { FormatName } from '../formats/registry.ts';
import type { OutputType } from '../formats/parts/output-schema.ts';
import type { PartCompression } from '../formats/parts/part-writer.ts';
import type { PartFormatName } from '../formats/parts/part-formats.ts';
import type { Compute } from './compute.ts';
import type { Step } from './steps.ts';

/**
 * A segment of an object's key: 0 is the first segment after the pipeline, -1 the last, which is the object's name.
 *
 * Locally it is a segment of the path that names the results: for a folder of images, it begins with the folder's name.
 * For an object in a manifest, it is a segment of the whole key. A missing or empty segment is not a key. An element that
 * arrived in a message has the key in the message, or no key.
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
  /** Groups elements into bundles of one key, or of a few, so that each model is loaded for few bundles. @default false */
  readonly groupByKey?: boolean;
  /** Field with the arguments of an element for `runInference`, an object. @default elements have no arguments */
  readonly inferenceArgs?: string;
  /** The objects that a manifest can name. @default 'own-prefix' */
  readonly manifests?: ManifestScope;
}

export interface PipelineOutput {
  /** Format of the parts. */
  readonly format: PartFormatName;
  /** `input` writes each element's input beside its prediction. */
  readonly join: 'none' | 'input';
  /** Parquet and CSV: type of the predictions, which all parts of a job share. @default their JSON is text */
  readonly schema?: OutputType;
  /** Parquet: compression of the columns. @default 'snappy' */
  readonly compression?: PartCompression;
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
