import { ElementMismatchError } from './collate.ts';
import { type EncodedBatch, encodeTensors } from './encoded-batch.ts';
import { filled } from './filled-batch.ts';
import { type PackedInputs, type PackedRow, type RowPiece, tensorsOfPieces, tensorsOfRows } from './packed-inputs.ts';
import type { NamedTensors, TensorMetadata } from './tensor.ts';

/** Batches of elements whose numbers were packed while they were read. */
export interface PackedBatches {
  /** The batch key and the bytes of each element: those that `keyOf` and `bytesOf` return for its value. */
  readonly key: string;
  readonly bytes: number;
  /**
   * Packs a batch, as `encode` does.
   *
   * @param rows - the packed row of each element, or undefined for one whose value is the next of `values`.
   */
  encode(
    rows: readonly (PackedRow | undefined)[],
    values: readonly unknown[],
    options: { readonly minRows: number },
  ): EncodedBatch;
  /** Packs a batch of pieces of blocks, which have `count` rows together. */
  encodePieces(pieces: readonly RowPiece[], count: number): EncodedBatch;
}

/** The rest of a handler's codec, for elements that have no packed numbers. */
interface Packing {
  readonly handler: { collate(batch: readonly unknown[], inputs: readonly TensorMetadata[]): NamedTensors };
  readonly shaped: {
    readonly fixedSize: number | undefined;
    keyOf(value: unknown): string;
    bytesOf(value: unknown): number;
  };
  readonly inputs: readonly TensorMetadata[];
}

export function packedBatches(packed: PackedInputs, { handler, shaped, inputs }: Packing): PackedBatches {
  return {
    key: shaped.keyOf(packed.sample),
    bytes: shaped.bytesOf(packed.sample),
    encode(rows, values, { minRows }) {
      const others = values.length === 0 ? {} : collateOthers(rows, values, { handler, inputs });
      let next = 0;
      const places = rows.map((row) => row ?? next++);
      const size = shaped.fixedSize ?? Math.max(minRows, places.length);
      return encodeTensors(tensorsOfRows(filled(places, size), packed, others), rows.length);
    },
    encodePieces: (pieces, count) => encodeTensors(tensorsOfPieces(pieces, count, packed), count),
  };
}

/** Packs the elements that have no packed row. @throws ElementMismatchError with the element's place in the batch */
function collateOthers(
  rows: readonly (PackedRow | undefined)[],
  values: readonly unknown[],
  { handler, inputs }: Pick<Packing, 'handler' | 'inputs'>,
): NamedTensors {
  try {
    return handler.collate(values, inputs);
  } catch (error) {
    if (!(error instanceof ElementMismatchError)) throw error;
    const places = rows.flatMap((row, place) => (row === undefined ? place : []));
    throw new ElementMismatchError(places[error.index] ?? error.index, error.message);
  }
}
