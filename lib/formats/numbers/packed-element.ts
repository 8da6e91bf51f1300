import type { ReadElement } from '../format.ts';
import type { NumberRows } from './number-rows.ts';

/** Place of an element's numbers, and the fields of it that are needed beside them. */
export interface PackedFields {
  /** The block that has its numbers, and its row there. */
  readonly rows: NumberRows;
  readonly row: number;
  readonly id: string | undefined;
  /** True if the id in JSON is the id in quotes. */
  readonly hasPlainId: boolean;
  readonly key: string | undefined;
}

/** An element whose numbers were packed while it was read. Its value is only made if something asks for it. */
export abstract class PackedElement implements ReadElement, PackedFields {
  readonly position: number;
  readonly failure = undefined;
  readonly rows: NumberRows;
  readonly row: number;
  readonly id: string | undefined;
  readonly hasPlainId: boolean;
  readonly key: string | undefined;

  constructor(position: number, { rows, row, id, hasPlainId, key }: PackedFields) {
    this.position = position;
    this.rows = rows;
    this.row = row;
    this.id = id;
    this.hasPlainId = hasPlainId;
    this.key = key;
  }

  /** Its input as it was read, made again for each caller. */
  abstract get input(): unknown;
  /** Its own text, if that is its JSON. */
  abstract get raw(): string | undefined;
  /** Bytes of its text, if that is kept as its input. */
  abstract get inputBytes(): number;
}
