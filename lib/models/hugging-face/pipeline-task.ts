import { ModelLoadError } from '../../errors.ts';
import type { ObjectInput } from '../../elements/element.ts';
import type { ElementCodec } from '../element-codec.ts';
import type { DecodeImageOptions } from '../image-options.ts';
import type { ElementFunction } from '../model-handler.ts';
import type { NamedTensors, OutputMetadata, Tensor, TensorMetadata } from '../tensor.ts';
import type { ModelSettings } from './model-settings.ts';
import type { TextTokenizer, TokenLimits } from './text-tokenizer.ts';

/** Options of one handler, as its task reads them. */
export type TaskOptions = Readonly<Record<string, unknown>>;

/** The model of a task in its host. */
export interface HostedTask {
  /** The session's outputs that the task uses. */
  readonly outputNames: readonly string[];
  /**
   * Runs a batch. Most tasks run the session once and reduce its outputs, so that little crosses to the worker; one that
   * generates runs it in a loop.
   *
   * @param session - runs the session once
   * @returns tensors with a row for each row of the batch
   */
  run(session: SessionRunner, tensors: NamedTensors, rows: number): Promise<NamedTensors>;
}

/** Runs a session once, and returns its outputs. */
export type SessionRunner = (tensors: NamedTensors) => Promise<NamedTensors>;

/** A model folder that is opened in its host. */
export interface HostedFolder {
  readonly settings: ModelSettings;
  readonly options: TaskOptions;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly OutputMetadata[];
  /** Path of the ONNX file, for messages. */
  readonly path: string;
}

/** A model folder that is opened in a worker. */
export interface WorkerFolder {
  readonly settings: ModelSettings;
  readonly options: TaskOptions;
  readonly inputs: readonly TensorMetadata[];
}

/** A folder of a model of texts. */
export interface TextFolder extends WorkerFolder {
  readonly tokenizer: TextTokenizer;
  readonly limits: TokenLimits;
}

/** Returns a function that decodes images: `decodeImage`. */
export type ImageDecoder = (options: DecodeImageOptions) => ElementFunction<ObjectInput, Float32Array>;

/** A folder of a model of images. */
export interface ImageFolder extends WorkerFolder {
  readonly imageDecoder: ImageDecoder;
}

interface AnyTask {
  /** Names of the options that only this task and others like it have. */
  readonly options: readonly string[];
  /** Ends of the names of model classes that have the task's head: `ForSequenceClassification`. */
  readonly heads: readonly string[];
  /** Checks the options of the task. @throws RangeError, TypeError */
  check(options: TaskOptions): void;
  /** @throws ModelLoadError if the model can't do the task */
  openHosted(folder: HostedFolder): Promise<HostedTask> | HostedTask;
}

/** A task on texts. */
export interface TextTask extends AnyTask {
  readonly reads: 'texts';
  openCodec(folder: TextFolder): Promise<ElementCodec> | ElementCodec;
}

/** A task on images. */
export interface ImageTask extends AnyTask {
  readonly reads: 'images';
  openCodec(folder: ImageFolder): Promise<ElementCodec> | ElementCodec;
}

/** One task: what runs in the model's host, and what in the workers. */
export type PipelineTask = TextTask | ImageTask;

/** Returns the only output that can be the task's, by its name. @throws ModelLoadError if the model does not have it */
export function outputNamed(names: readonly string[], { outputs, path }: HostedFolder): OutputMetadata {
  const found = outputs.find(({ name }) => names.includes(name));
  if (found !== undefined) return found;
  const wanted = names.map((name) => `'${name}'`).join(' or ');
  const has = outputs.map(({ name }) => `'${name}'`).join(', ');
  throw new ModelLoadError(`${path} must have the output ${wanted} for this task: its outputs are ${has}`);
}

/** Returns an output as 32-bit floats, its own copy where it has another type. */
export function floatsOf(
  tensors: NamedTensors,
  name: string,
): { readonly data: Float32Array; readonly shape: readonly number[] } {
  const tensor: Tensor | undefined = tensors[name];
  if (tensor === undefined) throw new RangeError(`the model gave no output '${name}'`);
  const { data, shape } = tensor;
  return { data: data instanceof Float32Array ? data : Float32Array.from(data as Float16Array), shape };
}

/** Returns the row of an element in an output of a task, which is of 32-bit floats. */
export function rowOfFloats(tensor: Tensor | undefined, row: number): Float32Array {
  const size = tensor?.shape[1] ?? 0;
  return tensor?.data instanceof Float32Array ? tensor.data.subarray(row * size, (row + 1) * size) : new Float32Array();
}
