import type { DecodedRun } from '../decoded-run.ts';
import type { ReadElement } from '../format.ts';
import type { NumberBlocks } from './number-rows.ts';
import { PackedElement } from './packed-element.ts';

/** Reads the elements of one format again. */
export interface ElementReader {
  /** Reads an element from its bytes `[start, end)` in a run. */
  readonly readAgain: (run: DecodedRun, start: number, end: number) => ReadElement;
  /** True if an element's own text is its JSON. */
  readonly hasJsonText: boolean;
}

/** A packed element of a format of text. */
export class PackedText extends PackedElement {
  readonly #run: DecodedRun;
  readonly #start: number;
  readonly #end: number;
  readonly #reader: ElementReader;

  // Not one object of options: it is called for every element.
  // oxlint-disable-next-line max-params
  constructor(run: DecodedRun, position: number, fields: ScannedFields, blocks: NumberBlocks, reader: ElementReader) {
    const { start, end, idStart, idEnd, keyStart, keyEnd } = fields;
    super(position, {
      rows: blocks.rows,
      row: blocks.row,
      id: idStart < 0 ? undefined : run.text(idStart, idEnd),
      hasPlainId: fields.hasPlainId,
      key: keyStart < 0 ? undefined : run.text(keyStart, keyEnd),
    });
    this.#run = run;
    this.#start = start;
    this.#end = end;
    this.#reader = reader;
  }

  override get input(): unknown {
    return this.#reader.readAgain(this.#run, this.#start, this.#end).input;
  }

  override get raw(): string | undefined {
    return this.#reader.hasJsonText ? this.#run.text(this.#start, this.#end) : undefined;
  }

  override get inputBytes(): number {
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
