import type { DeviceUse } from './device-session.ts';
import type { CodecFiles } from './element-codec.ts';
import type { NamedTensors, TensorMetadata } from './tensor.ts';

/** Description of a loaded model, from its handler. */
export interface ModelDescription {
  /** Name of the model in result lines: its version, or its name. */
  readonly label: string;
  /** Identifier of the model in manifests; all copies of a model must have the same. @default the label */
  readonly digest?: string;
}

/**
 * Where a handler's model runs: `local` in model hosts of this machine, `remote` at an endpoint, which a
 * RemoteModelHandler asks, and `keyed` in the handlers of a KeyedModelHandler, one of which each element's key chooses.
 */
export type ModelHandlerKind = 'local' | 'remote' | 'keyed';

/** Notes about a model that has been loaded. */
export interface LoadReport {
  /** Execution providers that compute, and those that are missing. @default the model asked for no device */
  readonly device?: DeviceUse;
  /** Message for the user, such as a limit of the model. @default none */
  readonly warning?: string;
  /** Files for `openElementCodec`, in workers. @default the handler has no element codec */
  readonly codec?: CodecFiles;
}

/** Metadata of a model's tensors. */
export interface ModelTensors {
  readonly inputs: readonly TensorMetadata[];
  readonly outputs?: readonly TensorMetadata[];
}

/** Runs batches that a worker has packed into tensors with the handler's `collate`. */
export interface TensorRunner<Model = unknown> {
  /** Returns the inputs of a loaded model, for `collate`, and its outputs if they are known. */
  describeTensors(model: Model): ModelTensors;
  /**
   * Runs one batch and returns the outputs, each with a row for each row of the batch.
   *
   * @param rows - number of rows in the batch, dimension 0 of its tensors
   */
  run(model: Model, tensors: NamedTensors, rows: number): Promise<NamedTensors>;
  /** True if `collate` returns buffers that nothing else uses, so that they can move to another thread. @default false */
  readonly movesTensors?: boolean;
  /**
   * True if `collate` packs numbers row after row, as the fabric does. Then it may be left out: declared inputs of
   * numbers are packed while they are read. @default false
   */
  readonly packsNumbers?: boolean;
}

/** A handler that a model host creates from data. */
export interface BuiltInHandler {
  /** Name of the handler in `built-in-handlers.ts`. */
  readonly name: string;
  /** Options of the constructor, as JSON can represent them. Paths are absolute. */
  readonly options: Readonly<Record<string, unknown>>;
}
