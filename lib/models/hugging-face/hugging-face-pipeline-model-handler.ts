import { decodeImage } from '../decode-image.ts';
import type { BuiltInHandler } from '../handler-capabilities.ts';
import type { OptionNames } from '../option-names.ts';
import { HuggingFacePipeline } from './hugging-face-pipeline.ts';
import { type HuggingFacePipelineOptions, PIPELINE_OPTIONS } from './pipeline-options.ts';
import type { ImageDecoder } from './pipeline-task.ts';
import { taskNamed } from './task-registry.ts';

/**
 * Runs a model of Hugging Face that was exported to ONNX: a folder and a task are enough. Workers turn texts into tokens
 * and batch them by length; predictions have the fields of Python's `pipeline`.
 *
 * @typeParam Options - with the literal task, which decides the types of elements and predictions
 *
 * @example
 * ```ts
 * const sentiment = new HuggingFacePipelineModelHandler({
 *   task: 'text-classification',
 *   model: '../models/sentiment', // relative to this file
 *   dtype: 'q8',
 *   inputs: 'text', // the column of the CSV file
 *   topK: 2,
 *   maxTokens: 64,
 * });
 * ```
 */
export class HuggingFacePipelineModelHandler<
  const Options extends HuggingFacePipelineOptions,
> extends HuggingFacePipeline<Options> {
  static override readonly optionNames: OptionNames = PIPELINE_OPTIONS;

  protected override get imageDecoder(): ImageDecoder {
    return decodeImage;
  }

  /** A subclass has code that is only in the config module, and so has the decoder that a probe of images needs. */
  override get builtIn(): BuiltInHandler | undefined {
    if (Object.getPrototypeOf(this) !== HuggingFacePipelineModelHandler.prototype) return undefined;
    if (this.options.probe !== undefined && taskNamed(this.options.task).reads === 'images') return undefined;
    const options = { ...this.options, probe: undefined, model: this.modelFiles.uri };
    const plain = Object.entries(options).filter(([, value]) => typeof value !== 'function' && value !== undefined);
    return { name: 'hugging-face', options: Object.fromEntries(plain) };
  }
}
