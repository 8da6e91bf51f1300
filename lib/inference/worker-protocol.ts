import type { BatchClosedBy } from '../batching/batcher.ts';
import type { CarriedError, ErrorDescription } from '../errors.ts';
import type { ModelInfo } from '../hosts/protocol.ts';
import type { EncodedBatch } from '../models/encoded-batch.ts';
import type { InferenceArgs } from '../models/model-handler.ts';
import type { TokenUsage } from '../remote/token-usage.ts';
import type { BundleSummary, OutcomeChunk } from './bundle.ts';
import type { MissingField } from './missing-field.ts';
import type { SentBundle } from './sent-bundle.ts';

/** Set-up of an engine's worker. */
export interface WorkerSetup {
  readonly configUrl: string;
  readonly pipeline: string;
  /** How many workers there are; they share memory. */
  readonly workers: number;
  /** Shared with the engine, where the worker is a thread. */
  readonly progress?: SharedArrayBuffer;
}

/** An element that ended a worker, or stood still in it: it fails at the stage where it did. */
export interface KnownFailure {
  readonly ordinal: number;
  readonly stage: number;
  readonly error: ErrorDescription;
}

/** Failure of a batch. `fatal`: the pipeline can't go on; `contract`: the handler never returned a list of results. */
export interface BatchFailure {
  readonly cause: 'error' | 'timeout' | 'memory' | 'crash' | 'contract' | 'fatal';
  /** With code and disposition only where it is fatal: any other is an element's. */
  readonly error: CarriedError;
  /** The batch ran together with others, and may well be innocent. */
  readonly shared: boolean;
  /** Limit that the batch exceeded, if its halves succeed. */
  readonly tooLargeFor?: SizeLimit;
}

/** Limits that the size of a batch can exceed. */
export type SizeLimit = 'memory' | 'time';

/** The sizes that batches of a key should have from now on. */
export interface BatchSizes {
  readonly target: number;
  /** Largest size known to fit in memory and to finish in time; absent if nothing is known. */
  readonly ceiling?: number;
  /**
   * Maximum number of batches of the key that a bundle should have in flight while the target still grows, since
   * batches formed ahead have the earlier size. Absent if the target does not grow.
   */
  readonly ahead?: number;
  /** True if the model was observed to take a single row at a time. */
  readonly isOneRow?: boolean;
}

/** An element's value on its way into a remote model. */
export interface AskedElement {
  /** Its place in its bundle; of a piece of it, also the pieces' places: `17`, `17/0/2`. */
  readonly place: string;
  /** Digest of the value and its arguments: an answer to another value is no answer to this one. */
  readonly fingerprint: string;
}

/** Whose elements a batch for a remote model has. */
export interface AskedBatch {
  readonly task: number;
  readonly elements: readonly AskedElement[];
}

export interface InferRequest {
  /** The model's place among the pipeline's. */
  readonly model: number;
  readonly key: string;
  readonly batch: EncodedBatch;
  readonly inferenceArgs?: InferenceArgs;
  readonly bytes: number;
  readonly weight: number;
  readonly closedBy: BatchClosedBy;
  /** A piece of a batch that failed: it runs by itself, and teaches nothing. */
  readonly isolating: boolean;
  /** The share of the batch's bytes that is padding, where elements are padded. */
  readonly paddingShare?: number;
  /** Where the model is a remote one. */
  readonly asked?: AskedBatch;
}

/** The model that made a batch's results: what lines show of it, and its digest, or its name where it has none. */
export interface ModelLabel {
  readonly label: string;
  readonly digest: string;
  /** The execution providers that it ran on, `tensorrt+cuda`, where it asked for a device. */
  readonly providers?: string;
}

/**
 * One of the keyed models that a worker asked for, by its place among the pipeline's: it is loaded, and stays so until
 * the worker releases it; or it can't be loaded.
 */
export type ModelLease = { readonly model: number } & (
  | { readonly ok: true; readonly info: ModelInfo }
  | { readonly ok: false; readonly error: CarriedError }
);

/** An element of a batch that failed alone, by its index; the others have their results. */
export interface FailedElement {
  readonly index: number;
  readonly error: ErrorDescription;
}

export type InferAnswer = {
  readonly sizes: BatchSizes;
  /** Requests that each element was in so far, where the model is a remote one; in earlier attempts too. */
  readonly tries?: readonly number[];
  /** Tokens counted for each of them, if the endpoint counts tokens. */
  readonly usage?: readonly (TokenUsage | undefined)[];
} & (
  | {
      readonly ok: true;
      readonly results: EncodedBatch;
      readonly model: ModelLabel;
      /** Share of the model's time, in milliseconds. @default the time until the answer came */
      readonly inferenceMillis?: number;
      readonly failed?: readonly FailedElement[];
    }
  | { readonly ok: false; readonly failure: BatchFailure }
);

export type ToWorker =
  | {
      readonly kind: 'bundle';
      readonly task: number;
      readonly bundle: SentBundle;
      readonly known: readonly KnownFailure[];
      readonly skip: number;
    }
  | { readonly kind: 'model'; readonly model: number; readonly info: ModelInfo }
  | { readonly kind: 'modelFailed'; readonly model: number; readonly error: CarriedError }
  | { readonly kind: 'leased'; readonly request: number; readonly lease: ModelLease }
  | { readonly kind: 'answer'; readonly request: number; readonly answer: InferAnswer }
  /** There is no answer, as its bundle has ended. */
  | { readonly kind: 'noAnswer'; readonly request: number }
  | { readonly kind: 'written'; readonly task: number }
  | { readonly kind: 'abort'; readonly task: number };

/** Size of a batch that was too large, and whose halves both succeeded. */
export interface RecoveredSize {
  readonly key: string;
  readonly size: number;
  readonly limit: SizeLimit;
}

export type FromWorker =
  | { readonly kind: 'started' }
  | { readonly kind: 'setupFailed'; readonly error: CarriedError }
  | { readonly kind: 'infer'; readonly request: number; readonly body: InferRequest }
  | { readonly kind: 'recovered'; readonly model: number; readonly size: RecoveredSize }
  /** The model failed for two rows of one element, and not for one. */
  | { readonly kind: 'oneRow'; readonly model: number }
  | { readonly kind: 'lease'; readonly request: number; readonly models: readonly number[]; readonly group?: string }
  /** The requested lease is no longer needed. */
  | { readonly kind: 'cancelLease'; readonly request: number }
  | { readonly kind: 'release'; readonly model: number }
  | { readonly kind: 'missingField'; readonly missing: MissingField }
  | { readonly kind: 'outcomes'; readonly task: number; readonly chunk: OutcomeChunk }
  | { readonly kind: 'readDone'; readonly task: number }
  | { readonly kind: 'done'; readonly task: number; readonly summary: BundleSummary }
  | { readonly kind: 'failed'; readonly task: number; readonly error: CarriedError };

/** Returns the buffers of chunks, each once. Only the chunks may use them, because sending transfers them. */
export function buffersOf(chunks: readonly Uint8Array[]): ArrayBuffer[] {
  return [...new Set(chunks.map((chunk) => chunk.buffer as ArrayBuffer))];
}
