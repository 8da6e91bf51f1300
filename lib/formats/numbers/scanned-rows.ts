import type { DecodedRun } from '../decoded-run.ts';
import type { ReadElement } from '../format.ts';
import type { NumberBlocks, NumberRows } from './number-rows.ts';
import { PackedRows } from './packed-element.ts';

/** Reads the elements of one format again. */
export interface ElementReader {
  /** Reads an element from its bytes `[start, end)` in a run. */
  readonly readAgain: (run: DecodedRun, start: number, end: number) => ReadElement;
  /** True if an element's own text is its JSON. */
  readonly hasJsonText: boolean;
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

/** Numbers that are kept of each element, by their index. */
const POSITION = 0;
const START = 1;
const END = 2;
const ID_START = 3;
const ID_END = 4;
const HAS_PLAIN_ID = 5;
const KEY_START = 6;
const KEY_END = 7;
const FIELDS = 8;

/** Packed elements of one run of records: where their texts are. */
export class ScannedRows extends PackedRows {
  readonly position: number;
  readonly rows: NumberRows;
  readonly firstRow: number;
  count = 0;
  readonly #run: DecodedRun;
  readonly #reader: ElementReader;
  readonly #fields: Int32Array<ArrayBuffer>;
  readonly #capacity: number;
  #freed = 0;

  /** @param recordStart - place of the first record in the run. */
  constructor(
    run: DecodedRun,
    recordStart: number,
    { blocks, reader, capacity }: { blocks: NumberBlocks; reader: ElementReader; capacity: number },
  ) {
    super();
    this.position = run.position + recordStart;
    this.rows = blocks.rows;
    this.firstRow = blocks.row;
    this.#run = run;
    this.#reader = reader;
    this.#capacity = capacity;
    this.#fields = new Int32Array(capacity * FIELDS);
  }

  /** Checks whether the record that comes next can be added: it is of the same run, and its row follows in the same block. */
  continuesWith(run: DecodedRun, blocks: NumberBlocks): boolean {
    return this.#run === run && this.rows === blocks.rows && this.count < this.#capacity;
  }

  add(recordStart: number, scanned: ScannedFields): void {
    const fields = this.#fields;
    const at = this.count * FIELDS;
    fields[at + POSITION] = recordStart;
    fields[at + START] = scanned.start;
    fields[at + END] = scanned.end;
    fields[at + ID_START] = scanned.idStart;
    fields[at + ID_END] = scanned.idEnd;
    fields[at + HAS_PLAIN_ID] = scanned.hasPlainId ? 1 : 0;
    fields[at + KEY_START] = scanned.keyStart;
    fields[at + KEY_END] = scanned.keyEnd;
    this.count += 1;
  }

  positionAt(index: number): number {
    return this.#run.position + this.#field(index, POSITION);
  }

  idAt(index: number): string | undefined {
    const start = this.#field(index, ID_START);
    return start < 0 ? undefined : this.#run.text(start, this.#field(index, ID_END));
  }

  hasPlainIdAt(index: number): boolean {
    return this.#field(index, HAS_PLAIN_ID) === 1 && this.#field(index, ID_START) >= 0;
  }

  get idBytes(): Uint8Array {
    return this.#run.bytes;
  }

  idStartAt(index: number): number {
    return this.#field(index, ID_START);
  }

  idEndAt(index: number): number {
    return this.#field(index, ID_END);
  }

  keyAt(index: number): string | undefined {
    const start = this.#field(index, KEY_START);
    return start < 0 ? undefined : this.#run.text(start, this.#field(index, KEY_END));
  }

  inputAt(index: number): unknown {
    return this.#reader.readAgain(this.#run, this.#field(index, START), this.#field(index, END)).input;
  }

  rawAt(index: number): string | undefined {
    return this.#reader.hasJsonText ? this.#run.text(this.#field(index, START), this.#field(index, END)) : undefined;
  }

  inputBytesAt(index: number): number {
    return this.#reader.hasJsonText ? this.#field(index, END) - this.#field(index, START) : 0;
  }

  free(count: number): void {
    this.#freed += count;
    if (this.#freed < this.count) return;
    this.rows.free(this.count);
    this.#fields.buffer.transfer(0);
  }

  #field(index: number, field: number): number {
    return this.#fields[index * FIELDS + field] as number;
  }
}
