import type { DecodedRun } from '../decoded-run.ts';
import type { ReadElement } from '../format.ts';
import type { NumberBlocks, NumberRows } from './number-rows.ts';

/** Reads the elements of one format again. */
export interface ElementReader {
  /** Reads an element from its bytes `[start, end)` in a run. */
  readonly readAgain: (run: DecodedRun, start: number, end: number) => ReadElement;
  /** True if an element's own text is its JSON. */
  readonly hasJsonText: boolean;
}

/** An element whose numbers were packed while it was read. Its value is only made if something asks for it. */
export class PackedElement implements ReadElement {
  readonly position: number;
  readonly failure = undefined;
  /** The block that has its numbers, and its row there. */
  readonly rows: NumberRows;
  readonly row: number;
  readonly id: string | undefined;
  /** True if the id in JSON is the id in quotes. */
  readonly hasPlainId: boolean;
  readonly key: string | undefined;
  readonly #run: DecodedRun;
  readonly #start: number;
  readonly #end: number;
  readonly #reader: ElementReader;

  // Not one object of options: it is called for every element.
  // oxlint-disable-next-line max-params
  constructor(run: DecodedRun, position: number, fields: ScannedFields, blocks: NumberBlocks, reader: ElementReader) {
    const { start, end, idStart, idEnd, keyStart, keyEnd } = fields;
    this.position = position;
    this.rows = blocks.rows;
    this.row = blocks.row;
    this.id = idStart < 0 ? undefined : run.text(idStart, idEnd);
    this.hasPlainId = fields.hasPlainId;
    this.key = keyStart < 0 ? undefined : run.text(keyStart, keyEnd);
    this.#run = run;
    this.#start = start;
    this.#end = end;
    this.#reader = reader;
  }

  /** Its input as it was read, made again for each caller. */
  get input(): unknown {
    return this.#reader.readAgain(this.#run, this.#start, this.#end).input;
  }

  get raw(): string | undefined {
    return this.#reader.hasJsonText ? this.#run.text(this.#start, this.#end) : undefined;
  }

  /** Bytes of its text, if that is kept as its input. */
  get inputBytes(): number {
    return this.#reader.hasJsonText ? this.#end - this.#start : 0;
  }
}

/** Places that a scanner found in the element that it scanned last, as `[start, end)`; -1 if there is no id or key. */
export interface ScannedFields {
  readonly start: number;
  readonly end: number;
  readonly idStart: number;
  readonly idEnd: number;
  readonly hasPlainId: boolean;
  readonly keyStart: number;
  readonly keyEnd: number;
}
