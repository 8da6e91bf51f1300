import type { FieldNames, FieldUse } from './field-use.ts';
import { type JsonField, type JsonFields, jsonFields } from './json-fields.ts';
import type { NumberRequest } from './number-request.ts';
import type { NumberBlocks } from './number-rows.ts';
import { RowCells } from './row-cells.ts';
import { skipSpace } from './json-space.ts';
import { NumberScanner } from './number-scanner.ts';
import { skipNull, skipValue } from './skip-json.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const SMALL_N = 0x6e;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
/** Integers with this number of digits are safe integers. */
const SAFE_DIGITS = 15;

/**
 * Scans JSON objects for the numbers that a request names, and checks every byte on the way. What it does not understand
 * it leaves to the general reader: names or ids with escapes, fields that come twice, text where numbers are wanted,
 * absent fields.
 */
export class JsonNumberScanner {
  start = 0;
  end = 0;
  idStart = -1;
  idEnd = -1;
  readonly hasPlainId = true;
  keyStart = -1;
  keyEnd = -1;
  readonly #root: JsonFields;
  readonly #cells: RowCells;
  readonly #scanner = new NumberScanner();
  /** Values that every element has. */
  readonly #wanted: number;
  #found = 0;
  #serial = 0;
  /** End of the name that was looked up last. */
  #nameEnd = 0;
  /** Place of the text that was looked for last, `[start, stop)`; -1 if the value is no text. */
  #textStart = -1;
  #textStop = -1;

  private constructor(root: JsonFields, request: NumberRequest, blocks: NumberBlocks) {
    this.#root = root;
    this.#cells = new RowCells(request, blocks);
    this.#wanted = request.inputs.reduce(
      (sum, { fields }) => sum + (typeof fields === 'string' ? 1 : fields.length),
      0,
    );
  }

  /** Returns undefined if no element can be scanned for the request. */
  static of(request: NumberRequest, names: FieldNames, blocks: NumberBlocks): JsonNumberScanner | undefined {
    const root = jsonFields(request, names);
    return root && new JsonNumberScanner(root, request, blocks);
  }

  /** Writes the numbers of the element `[start, end)` into the next row. Returns false if it is left to the general reader. */
  scan(bytes: Buffer, start: number, end: number): boolean {
    if (bytes[start] !== OPEN_BRACE) return false;
    this.start = start;
    this.end = end;
    this.idStart = -1;
    this.keyStart = -1;
    this.#found = 0;
    this.#serial += 1;
    this.#cells.begin();
    return this.#object(bytes, start + 1, this.#root) === end && this.#found === this.#wanted;
  }

  /** Scans an object from behind its brace. Returns its end; -1 if the element is left to the general reader. */
  #object(bytes: Buffer, from: number, fields: JsonFields): number {
    let index = skipSpace(bytes, from);
    if (bytes[index] === CLOSE_BRACE) return index + 1;
    for (;;) {
      if (bytes[index] !== QUOTE) return -1;
      const field = this.#fieldAt(bytes, index + 1, fields);
      index = this.#nameEnd;
      if (index === -1) return -1;
      if (bytes[index] !== COLON) {
        index = skipSpace(bytes, index);
        if (bytes[index] !== COLON) return -1;
      }
      index += 1;
      if ((bytes[index] as number) <= SPACE) index = skipSpace(bytes, index);
      index = field === undefined ? skipValue(bytes, index) : this.#value(bytes, index, field);
      if (index === -1) return -1;
      if ((bytes[index] as number) <= SPACE) index = skipSpace(bytes, index);
      if (bytes[index] === CLOSE_BRACE) return index + 1;
      if (bytes[index] !== COMMA) return -1;
      index += 1;
      if ((bytes[index] as number) <= SPACE) index = skipSpace(bytes, index);
    }
  }

  /** Finds the field whose name starts at an index; undefined if it is not used. Sets the end of the name. */
  #fieldAt(bytes: Buffer, start: number, list: JsonFields): JsonField | undefined {
    const { fields, next } = list;
    const expected = fields[next];
    if (expected !== undefined && startsWith(bytes, start, expected.name)) {
      list.next = next + 1 === fields.length ? 0 : next + 1;
      this.#nameEnd = start + expected.name.length + 1;
      return expected;
    }
    const end = plainStringEnd(bytes, start);
    this.#nameEnd = end;
    if (end === -1) return undefined;
    const length = end - 1 - start;
    for (let place = 0; place < fields.length; place += 1) {
      const field = fields[place] as JsonField;
      if (field.name.length !== length || !startsWith(bytes, start, field.name)) continue;
      list.next = place + 1 === fields.length ? 0 : place + 1;
      return field;
    }
    return undefined;
  }

  #value(bytes: Buffer, index: number, field: JsonField): number {
    if (field.seenIn === this.#serial) return -1;
    field.seenIn = this.#serial;
    const { use, below } = field;
    if (below !== undefined) return bytes[index] === OPEN_BRACE ? this.#object(bytes, index + 1, below) : -1;
    return use === undefined ? -1 : this.#used(bytes, index, use);
  }

  #used(bytes: Buffer, index: number, use: FieldUse): number {
    switch (use.kind) {
      case 'number':
        this.#found += 1;
        return this.#number(bytes, index, use);
      case 'numbers':
        this.#found += 1;
        return bytes[index] === OPEN_BRACKET
          ? this.#numbers(bytes, index + 1, use.input)
          : this.#onlyNumber(bytes, index, use.input);
      case 'id': {
        const end = this.#text(bytes, index);
        this.idStart = this.#textStart;
        this.idEnd = this.#textStop;
        return end;
      }
      case 'key': {
        const end = this.#text(bytes, index);
        this.keyStart = this.#textStart;
        this.keyEnd = this.#textStop;
        return end;
      }
      case 'leave':
        return -1;
    }
  }

  /**
   * Returns the end of a value that is an id or a key: a string without escapes, or an integer as its digits. Any other
   * value counts as none. Returns -1 if it is left to the general reader.
   */
  #text(bytes: Buffer, index: number): number {
    this.#textStart = -1;
    this.#textStop = -1;
    const byte = bytes[index] as number;
    if (byte === QUOTE) {
      const end = plainStringEnd(bytes, index + 1);
      this.#textStart = index + 1;
      this.#textStop = end - 1;
      return end;
    }
    if (byte < ZERO || byte > NINE) return byte === 0x2d ? -1 : skipValue(bytes, index);
    const end = skipValue(bytes, index);
    let digits = index;
    while ((bytes[digits] as number) >= ZERO && (bytes[digits] as number) <= NINE) digits += 1;
    if (end !== digits || end - index > SAFE_DIGITS) return -1;
    this.#textStart = index;
    this.#textStop = end;
    return end;
  }

  #number(
    bytes: Buffer,
    index: number,
    { input, column }: { readonly input: number; readonly column: number },
  ): number {
    if (bytes[index] === SMALL_N) return this.#cells.setMissing(input, column) ? skipNull(bytes, index) : -1;
    const numbers = this.#scanner;
    const value = numbers.scan(bytes, index);
    return numbers.end !== -1 && !numbers.hasLeadingZero && this.#cells.set(input, column, value) ? numbers.end : -1;
  }

  #onlyNumber(bytes: Buffer, index: number, input: number): number {
    return this.#cells.sizeOf(input) === 1 ? this.#number(bytes, index, { input, column: 0 }) : -1;
  }

  /** Scans a list of exactly as many numbers as a row has, from behind its bracket. */
  #numbers(bytes: Buffer, from: number, input: number): number {
    const cells = this.#cells;
    const size = cells.sizeOf(input);
    const places = cells.floatPlaces(input, 0, size);
    if (places !== undefined) return this.#scanner.scanList(bytes, from, places);
    const numbers = this.#scanner;
    let index = from;
    for (let column = 0; column < size; column += 1) {
      if ((bytes[index] as number) <= SPACE) index = skipSpace(bytes, index);
      const value = numbers.scan(bytes, index);
      if (numbers.end === -1 || numbers.hasLeadingZero || !cells.set(input, column, value)) return -1;
      index = numbers.end;
      if ((bytes[index] as number) <= SPACE) index = skipSpace(bytes, index);
      if (bytes[index] !== (column === size - 1 ? CLOSE_BRACKET : COMMA)) return -1;
      index += 1;
    }
    return index;
  }
}

/** Returns the end of a string without escapes, after its closing quote; -1 if it has escapes or is not valid. */
function plainStringEnd(bytes: Buffer, from: number): number {
  let index = from;
  for (;;) {
    const byte = bytes[index] as number;
    if (byte === QUOTE) return index + 1;
    // Also at the end of the bytes.
    if (!(byte >= SPACE)) return -1;
    if (byte === BACKSLASH) return -1;
    index += 1;
  }
}

/** Checks whether the name is at an index, followed by a quote. */
function startsWith(bytes: Buffer, start: number, name: Buffer): boolean {
  for (let index = 0; index < name.length; index += 1) if (bytes[start + index] !== name[index]) return false;
  return bytes[start + name.length] === QUOTE;
}
