import type { CarriedError } from '../errors.ts';
import type { DeviceUse } from '../models/device-session.ts';
import type { CodecFiles } from '../models/element-codec.ts';
import type { TensorHeader } from '../models/encoded-batch.ts';
import type { BuiltInHandler } from '../models/handler-capabilities.ts';
import type { TensorMetadata } from '../models/tensor.ts';
import type { FrameHeader } from './frames.ts';

/** Data from which a host gets its handler: the options of a built-in one, or a place in the config module. */
export type HandlerSpec =
  | ({ readonly kind: 'built-in' } & BuiltInHandler)
  | { readonly kind: 'config'; readonly configUrl: string; readonly place: string; readonly className: string };

/** Description of a loaded model, from its host. */
export interface ModelInfo {
  /** Label in result lines: the first digits of the digest, or a custom handler's class name. */
  readonly label: string;
  /** SHA-256 of the model's files in hexadecimal; absent if the handler has no model files. */
  readonly digest?: string;
  /** The model's inputs, where batches travel as packed tensors. */
  readonly inputs?: readonly TensorMetadata[];
  /** Its outputs, if they are known. */
  readonly outputs?: readonly TensorMetadata[];
  /** Device that the model computes on, if it asked for one. */
  readonly device?: DeviceUse;
  /** Message for the user about how the model takes batches. */
  readonly warning?: string;
  /** Files by which workers translate elements; absent if the handler has no element codec. */
  readonly codec?: CodecFiles;
  readonly loadMillis: number;
  /** Growth of the host's resident memory while the model was loaded. */
  readonly modelBytes: number;
}

/** Imports what the handler needs, without loading its model. */
export interface PrepareFrame extends FrameHeader {
  readonly kind: 'prepare';
  readonly spec: HandlerSpec;
}

export interface LoadFrame extends FrameHeader {
  readonly kind: 'load';
  readonly spec: HandlerSpec;
  readonly threads: number;
  /** The GPU that this copy should use, where there are any. */
  readonly gpu?: number;
  /** Path of the model on this machine, and its digest; absent if the handler finds its model itself. */
  readonly model?: { readonly path: string; readonly digest?: string };
  /** Probe that the model must pass before it is used, by `encodeProbe`. */
  readonly probe?: string;
}

/**
 * One batch, joined from fragments of one or several bundles. Tensors: one group each, in which the fragments' rows
 * follow one another. Values: one group a fragment.
 */
export interface RunFrame extends FrameHeader {
  readonly kind: 'run';
  readonly id: number;
  readonly fragments: readonly { readonly size: number; readonly rows: number }[];
  readonly tensors?: readonly TensorHeader[];
  /** Arguments for `runInference`, by structured clone, in base64. */
  readonly inferenceArgs?: string;
}

export type ToHost = PrepareFrame | LoadFrame | RunFrame;

export interface ReadyFrame extends FrameHeader {
  readonly kind: 'ready';
}

export interface LoadedFrame extends FrameHeader {
  readonly kind: 'loaded';
  readonly info: ModelInfo;
}

export interface LoadFailedFrame extends FrameHeader {
  readonly kind: 'loadFailed';
  readonly error: CarriedError;
  /** True if another attempt may succeed: a connection broke, or a service throttles. */
  readonly isTransient: boolean;
}

/** One entry a fragment; the groups are theirs, in order. `micros` is the time of `runInference` alone. */
export interface ResultFrame extends FrameHeader {
  readonly kind: 'result';
  readonly id: number;
  readonly micros: number;
  readonly fragments: readonly ResultFragment[];
  /** True if each result is `undefined`. */
  readonly areUndefined?: boolean;
}

export interface ResultFragment {
  readonly size: number;
  readonly tensors?: readonly TensorHeader[];
  /** How many of the frame's groups are this fragment's. */
  readonly chunks: number;
}

export interface RunFailedFrame extends FrameHeader {
  readonly kind: 'runFailed';
  readonly id: number;
  readonly micros: number;
  readonly error: CarriedError;
}

export type FromHost = ReadyFrame | LoadedFrame | LoadFailedFrame | ResultFrame | RunFailedFrame;
