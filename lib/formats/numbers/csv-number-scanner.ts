import { isNumericText } from '../numeric-text.ts';
import type { FieldNames, FieldUse } from './field-use.ts';
import type { NumberRequest } from './number-request.ts';
import type { NumberBlocks } from './number-rows.ts';
import { RowCells } from './row-cells.ts';
import { NumberScanner, scanDecimals } from './number-scanner.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

type NumberUse = Extract<FieldUse, { readonly kind: 'number' }>;

/** Delimiters that can be part of a number, or stand before one. */
const IN_NUMBERS = /[\d+\-.eE ]/;

/** Columns of an object, and the byte between its fields. */
export interface CsvColumns {
  readonly header: readonly string[];
  readonly delimiter: number;
}

/**
 * Scans CSV rows for the numbers that a request names, and walks over every field on the way. What it does not understand
 * it leaves to the general reader: words where numbers are wanted, quotes within a number or an id, rows with too many or
 * too few fields.
 */
export class CsvNumberScanner {
  start = 0;
  end = 0;
  idStart = -1;
  idEnd = -1;
  hasPlainId = false;
  keyStart = -1;
  keyEnd = -1;
  readonly #uses: readonly (FieldUse | undefined)[];
  readonly #cells: RowCells;
  readonly #scanner = new NumberScanner();
  readonly #delimiter: number;
  /** For each column, the number of columns from there on that are consecutive numbers of one input. */
  readonly #following: readonly number[];

  /** Columns of the decimals that were scanned last. */
  #scanned = 0;
  /** Text `[start, end)` of the field that was walked last, without quotes. */
  #textStart = 0;
  #textEnd = 0;
  /** True if it is the same in JSON. */
  #isPlainText = true;

  private constructor(uses: readonly (FieldUse | undefined)[], cells: RowCells, delimiter: number) {
    this.#uses = uses;
    this.#cells = cells;
    this.#delimiter = delimiter;
    this.#following = uses.map((_, column) => followingOf(uses, column));
  }

  /** Returns undefined if no row can be scanned for the request. */
  static of(
    request: NumberRequest,
    names: FieldNames,
    { blocks, columns }: { readonly blocks: NumberBlocks; readonly columns: CsvColumns },
  ): CsvNumberScanner | undefined {
    if (IN_NUMBERS.test(String.fromCharCode(columns.delimiter))) return undefined;
    const uses = columnUses(request, names, columns.header);
    return uses && new CsvNumberScanner(uses, new RowCells(request, blocks), columns.delimiter);
  }

  /** Writes the numbers of the row `[start, end)` into the next row. Returns false if it is left to the general reader. */
  scan(bytes: Buffer, start: number, end: number): boolean {
    this.start = start;
    this.end = end;
    this.#cells.begin();
    const uses = this.#uses;
    const delimiter = this.#delimiter;
    let index = start;
    for (let column = 0; column < uses.length; column += 1) {
      const following = this.#following[column] as number;
      if (following > 1) {
        index = this.#decimals(bytes, index, uses[column] as NumberUse, following);
        column += this.#scanned;
        if (column === uses.length) return false;
      }
      const use = uses[column];
      index = use === undefined ? fieldEnd(bytes, index, { end, delimiter }) : this.#used(bytes, index, use);
      if (index === -1) return false;
      if (column === uses.length - 1) return index === end;
      if (index >= end || bytes[index] !== delimiter) return false;
      index += 1;
    }
    return false;
  }

  /** Scans short decimals of columns that follow one another, and counts them. Returns the start of the next field. */
  // oxlint-disable-next-line max-params
  #decimals(bytes: Buffer, index: number, { input, column }: NumberUse, count: number): number {
    const places = this.#cells.floatPlaces(input, column, count);
    this.#scanned = 0;
    if (places === undefined) return index;
    const { place } = places;
    const next = scanDecimals(bytes, index, places, this.#delimiter);
    this.#scanned = places.place - place;
    return next;
  }

  #used(bytes: Buffer, index: number, use: FieldUse): number {
    switch (use.kind) {
      case 'number':
        return this.#number(bytes, index, use);
      case 'numbers':
        return this.#number(bytes, index, { input: use.input, column: 0 });
      case 'id': {
        const next = this.#text(bytes, index);
        this.idStart = this.#textStart;
        this.idEnd = this.#textEnd;
        this.hasPlainId = this.#isPlainText;
        return next;
      }
      case 'key': {
        const next = this.#text(bytes, index);
        this.keyStart = this.#textStart;
        this.keyEnd = this.#textEnd;
        return next;
      }
      case 'leave':
        return -1;
    }
  }

  #number(
    bytes: Buffer,
    index: number,
    { input, column }: { readonly input: number; readonly column: number },
  ): number {
    const value = this.#scanner.scan(bytes, index);
    const stop = this.#scanner.end;
    if (stop !== -1 && (stop === this.end || (stop < this.end && bytes[stop] === this.#delimiter))) {
      return this.#cells.set(input, column, value) ? stop : -1;
    }
    return this.#otherNumber(bytes, index, { input, column });
  }

  /** Reads a number in another form, such as `"1"`, `+1` or ` .5 `, or an empty field. */
  #otherNumber(
    bytes: Buffer,
    index: number,
    { input, column }: { readonly input: number; readonly column: number },
  ): number {
    const next = this.#text(bytes, index);
    if (next === -1) return -1;
    if (this.#textStart === this.#textEnd) return this.#cells.setMissing(input, column) ? next : -1;
    const text = bytes.toString('latin1', this.#textStart, this.#textEnd);
    return isNumericText(text) && this.#cells.set(input, column, Number(text)) ? next : -1;
  }

  /** Finds the text of a field, and returns the field's end; -1 if there is a quote in quotes, or quotes are wrong. */
  #text(bytes: Buffer, from: number): number {
    const { end } = this;
    const isQuoted = bytes[from] === QUOTE && from < end;
    const last = isQuoted ? QUOTE : this.#delimiter;
    this.#isPlainText = true;
    this.#textStart = isQuoted ? from + 1 : from;
    let index = this.#textStart;
    for (; index < end; index += 1) {
      const byte = bytes[index] as number;
      if (byte === last) break;
      if (byte < SPACE || byte === QUOTE || byte === BACKSLASH) this.#isPlainText = false;
    }
    this.#textEnd = index;
    if (!isQuoted) return index;
    // The scan goes on only at a delimiter, or at the end of the row.
    return index === end ? -1 : index + 1;
  }
}

/** Returns the end of any field; -1 if its quotes are wrong. */
function fieldEnd(
  bytes: Buffer,
  from: number,
  { end, delimiter }: { readonly end: number; readonly delimiter: number },
): number {
  let index = from;
  if (bytes[index] !== QUOTE || index >= end) {
    while (index < end && bytes[index] !== delimiter) index += 1;
    return index;
  }
  for (index += 1; index < end; index += 1) {
    if (bytes[index] !== QUOTE) continue;
    if (index + 1 === end || bytes[index + 1] !== QUOTE) return index + 1;
    index += 1;
  }
  return -1;
}

/** Returns how many columns from one on are consecutive numbers of one input. */
function followingOf(uses: readonly (FieldUse | undefined)[], start: number): number {
  const first = uses[start];
  if (first?.kind !== 'number') return 0;
  let count = 1;
  for (let use = uses[start + count]; use?.kind === 'number'; use = uses[start + count]) {
    if (use.input !== first.input || use.column !== first.column + count) break;
    count += 1;
  }
  return count;
}

/** Returns the use of each column; undefined if a column has two uses, or a name is not that of a column. */
function columnUses(
  { inputs }: NumberRequest,
  { id, key }: FieldNames,
  header: readonly string[],
): readonly (FieldUse | undefined)[] | undefined {
  const uses: (FieldUse | undefined)[] = header.map(() => undefined);
  const use = (name: string, of: FieldUse): boolean => {
    const place = header.indexOf(name);
    if (place === -1 || uses[place] !== undefined) return false;
    uses[place] = of;
    return true;
  };
  const areNumbers = inputs.every(({ fields, size }, input) => {
    if (typeof fields !== 'string')
      return fields.every((field, column) => use(field, { kind: 'number', input, column }));
    return size === 1 && use(fields, { kind: 'numbers', input });
  });
  const areOthers = (id === undefined || use(id, { kind: 'id' })) && (key === undefined || use(key, { kind: 'key' }));
  return areNumbers && areOthers ? uses : undefined;
}
