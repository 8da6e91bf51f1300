import type { InferenceSession } from 'onnxruntime-node';
import type { ObjectInput } from '../../elements/element.ts';
import { DEVICE_OPTIONS, type DeviceOptions } from '../device-session.ts';
import { MODEL_HANDLER_OPTIONS, type ModelHandlerOptions } from '../model-handler-options.ts';
import type { AggregationStrategy, EntityGroup, TokenEntity } from './entities.ts';
import type { HuggingFaceDtype } from './folder-selection.ts';
import type { ScoreFunction } from './scores.ts';
import type { Pooling } from './sentence-modules.ts';
import type { Classification } from './tasks/text-classification.ts';
import type { ZeroShotClassification } from './tasks/zero-shot-classification.ts';

/** A text, or an object with the field `text`. Other fields are ignored. */
export type HuggingFaceText = string | { readonly text: string };

/** A text, or two texts that the model reads together: a question and an answer, for example. */
export type HuggingFaceTextPair = HuggingFaceText | { readonly text: string; readonly text_pair: string };

/** Options of every task. */
export interface HuggingFaceModelOptions
  extends Omit<ModelHandlerOptions<never>, 'elementSizeFn' | 'batchLengthFn'>, DeviceOptions {
  /**
   * The model's folder, with `config.json`, `tokenizer.json` and `onnx/model.onnx`: a path relative to the config file, a
   * `file:` URL, or `s3://<bucket>/<prefix>/`. One that ends in `.json` is a pointer to such a folder.
   */
  readonly model: string;
  /** Variant of the weights, which chooses the ONNX file. @default 'fp32', or the only one in the folder */
  readonly dtype?: HuggingFaceDtype;
  /** Passed to onnxruntime as they are. @default none */
  readonly sessionOptions?: InferenceSession.SessionOptions;
}

/** Options of tasks on texts. */
export interface HuggingFaceTextOptions extends HuggingFaceModelOptions {
  /**
   * Fields of elements that are the model's texts: `'review'`, and for pairs `{ text: 'question', textPair: 'answer' }`.
   * @default the element itself, or its fields `text` and `text_pair`
   */
  readonly inputs?: string | { readonly text: string; readonly textPair?: string };
  /** Maximum tokens of a text, special ones included. @default the model's own limit */
  readonly maxTokens?: number;
  /** True if longer texts are cut; false if they fail. @default true */
  readonly truncation?: boolean;
}

/** Options of the task `text-classification`. */
export interface TextClassificationOptions extends HuggingFaceTextOptions {
  readonly task: 'text-classification';
  /** Number of labels in a prediction, which then is an array, the best first; null for all. @default the best alone */
  readonly topK?: number | null;
  /**
   * Function from logits to scores. @default as Python: `softmax`; `sigmoid` for several labels at once
   * (`multi_label_classification` in config.json) and for models of one label; `none` for regression
   */
  readonly functionToApply?: ScoreFunction;
}

/** Options of the task `feature-extraction`, and of `sentence-similarity`, which is the same. */
export interface FeatureExtractionOptions extends HuggingFaceTextOptions {
  readonly task: 'feature-extraction' | 'sentence-similarity';
  /**
   * Function from the vectors of tokens to the vector of the text; `none` gives the vectors of all tokens.
   * @default that of `modules.json`, if the folder is of `sentence-transformers`; otherwise 'none', as in Python
   */
  readonly pooling?: Pooling;
  /** True if vectors have the length 1. @default that of `modules.json`, otherwise false */
  readonly normalize?: boolean;
}

/** Options of the task `zero-shot-classification`. */
export interface ZeroShotClassificationOptions extends HuggingFaceTextOptions {
  readonly task: 'zero-shot-classification';
  /** Labels to choose from. */
  readonly candidateLabels: readonly string[];
  /** Hypothesis for a label, which replaces `{}`. @default 'This example is {}.' */
  readonly hypothesisTemplate?: string;
  /** True if several labels can be right: each has its own probability. @default false: the scores sum to 1 */
  readonly multiLabel?: boolean;
}

/** Options of the task `token-classification`. The tokenizer must be WordPiece, as those of BERT models are. */
export interface TokenClassificationOptions extends HuggingFaceTextOptions {
  readonly task: 'token-classification';
  /**
   * Rule for joining tokens: `none` gives each token, `simple` joins neighbours of one label, and the others first give
   * all tokens of a word one label: that of the first, of the highest score, or of the average.
   * @default 'none', as in Python
   */
  readonly aggregationStrategy?: AggregationStrategy;
  /** Labels that are left out. @default ['O'] */
  readonly ignoreLabels?: readonly string[];
}

/** Options of the task `image-classification`. */
export interface ImageClassificationOptions extends HuggingFaceModelOptions {
  readonly task: 'image-classification';
  /** Number of labels in a prediction, which then is an array, the best first; null for all. @default the best alone */
  readonly topK?: number | null;
  /** Function from logits to scores. @default as for `text-classification` */
  readonly functionToApply?: ScoreFunction;
}

/** Options of the task `image-feature-extraction`. */
export interface ImageFeatureExtractionOptions extends HuggingFaceModelOptions {
  readonly task: 'image-feature-extraction';
  /** Function from the vectors of patches to that of the image. @default 'none', as in Python: all vectors */
  readonly pooling?: Pooling;
  /** True if vectors have the length 1. @default false */
  readonly normalize?: boolean;
}

/** Options of a `HuggingFacePipelineModelHandler`, by its task. */
export type HuggingFacePipelineOptions =
  | TextClassificationOptions
  | FeatureExtractionOptions
  | TokenClassificationOptions
  | ImageClassificationOptions
  | ImageFeatureExtractionOptions
  | ZeroShotClassificationOptions;

/** A task that a `HuggingFacePipelineModelHandler` can do. */
export type HuggingFaceTask = HuggingFacePipelineOptions['task'];

/** Names of the options of all tasks; a task can refuse those of others. */
export const PIPELINE_OPTIONS = {
  task: true,
  model: true,
  dtype: true,
  inputs: true,
  maxTokens: true,
  truncation: true,
  topK: true,
  functionToApply: true,
  pooling: true,
  normalize: true,
  candidateLabels: true,
  hypothesisTemplate: true,
  multiLabel: true,
  aggregationStrategy: true,
  ignoreLabels: true,
  sessionOptions: true,
  ...DEVICE_OPTIONS,
  ...withoutMeasures(MODEL_HANDLER_OPTIONS),
} as const satisfies Record<AllKeys<HuggingFacePipelineOptions>, true>;

type AllKeys<Options> = Options extends unknown ? keyof Options : never;

/** The handler measures elements itself, in tokens. */
function withoutMeasures<Names extends Readonly<Record<string, true>>>({
  elementSizeFn: _size,
  batchLengthFn: _length,
  ...names
}: Names): Omit<Names, 'elementSizeFn' | 'batchLengthFn'> {
  return names;
}

/** An element of the pipeline with these options. With `inputs`, any element that has the fields. */
export type HuggingFaceInput<Options> = Options extends { readonly inputs: unknown }
  ? unknown
  : Options extends { readonly task: 'text-classification' }
    ? HuggingFaceTextPair
    : Options extends ImageOptions
      ? ObjectInput
      : HuggingFaceText;

type ImageOptions = Pick<ImageClassificationOptions | ImageFeatureExtractionOptions, 'task'>;

/** The prediction of the pipeline with these options. */
export type HuggingFacePrediction<Options> = Options extends {
  readonly task: 'text-classification' | 'image-classification';
}
  ? Ranked<Options, Classification>
  : Options extends { readonly task: 'zero-shot-classification' }
    ? ZeroShotClassification
    : Options extends { readonly task: 'token-classification' }
      ? Entities<Options>
      : Options extends { readonly pooling: 'none' }
        ? readonly (readonly number[])[]
        : readonly number[];

/** With an `aggregationStrategy` groups, without it tokens. */
type Entities<Options> = Options extends { readonly aggregationStrategy: Exclude<AggregationStrategy, 'none'> }
  ? readonly EntityGroup[]
  : readonly TokenEntity[];

/** With `topK` an array, the best first; without it the best alone. */
type Ranked<Options, One> = Options extends { readonly topK: number | null } ? readonly One[] : One;
