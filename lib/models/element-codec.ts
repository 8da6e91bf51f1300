import type { NamedTensors, TensorMetadata } from './tensor.ts';

/**
 * Translates the elements of one loaded model in a worker: an element into its tokens, the tokens of a batch into
 * tensors, and rows of the model's outputs into predictions.
 *
 * @typeParam Prepared - an element as it waits for its batch
 */
export interface ElementCodec<Prepared = unknown> {
  /**
   * Reads an element in other threads: decodes an image. Its result is what `prepare` gets.
   *
   * @default `prepare` gets the element
   */
  load?(element: unknown): Promise<unknown>;
  /** Reads an element. @throws InputMismatchError if it does not fit the model; it fails alone */
  prepare(element: unknown): Prepared;
  /** Returns the batch key: only elements with the same key, and of the same length bucket, share a batch. */
  keyOf(prepared: Prepared): string;
  /** Returns the length, which decides its bucket: the elements of a batch are padded to the longest. */
  lengthOf(prepared: Prepared): number;
  /** Returns the weight for `maxBatchWeight`: its tokens. In a batch, each element weighs as much as the heaviest. */
  weightOf(prepared: Prepared): number;
  /** Returns the bytes of its tensors without padding. */
  bytesOf(prepared: Prepared): number;
  /** Packs the elements of a batch; dimension 0 of each tensor is the batch. */
  collate(batch: readonly Prepared[]): NamedTensors;
  /** Returns the prediction for one element: its row of the outputs. */
  predictionOf(outputs: NamedTensors, row: number, prepared: Prepared): unknown;
}

/** Files of a loaded model from which a worker opens its codec. */
export interface CodecFiles {
  /** Folder of the model on this machine. */
  readonly folder: string;
  /** Digest of the files that the codec reads. A new version of a model must have the same. */
  readonly digest: string;
}

/** A loaded model, as a worker knows it. */
export interface CodecSource extends CodecFiles {
  readonly inputs: readonly TensorMetadata[];
}
