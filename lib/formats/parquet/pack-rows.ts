import type { InputOptions, ReadElement } from '../format.ts';
import { fieldNames } from '../numbers/packing-parser.ts';
import { NumberBlocks } from '../numbers/number-rows.ts';
import type { NumberRequest } from '../numbers/number-request.ts';
import { type Cells, copyColumn, copyLists } from './copy-numbers.ts';
import { PackedRow } from './packed-row.ts';
import type { RowReader } from './read-row.ts';
import type { RowSlice, SliceColumn } from './row-slices.ts';
import type { TableColumn } from './schema.ts';

/** Numbers of one input that are in a column: one of each row, or a list of all. */
interface NumberColumn {
  /** Place of the column among those that are read. */
  readonly place: number;
  readonly input: number;
  /** Place of the number in the row of the input; undefined for a list of all. */
  readonly column: number | undefined;
}

/** Packs the numbers of rows, column by column. A row with a value that is not a number is read as usual. */
export class RowPacker {
  readonly #numbers: readonly NumberColumn[];
  readonly #id: number | undefined;
  readonly #key: number | undefined;
  readonly #request: NumberRequest;
  readonly #reader: RowReader;
  readonly #blocks: NumberBlocks;

  private constructor(request: NumberRequest, reader: RowReader, places: Omit<Places, 'reader'>) {
    this.#request = request;
    this.#reader = reader;
    this.#numbers = places.numbers;
    this.#id = places.id;
    this.#key = places.key;
    this.#blocks = new NumberBlocks(request.inputs);
  }

  /** Returns undefined if a field is not a column, so that no row can be packed. */
  static of(
    request: NumberRequest | undefined,
    reader: RowReader,
    { columns, input }: { readonly columns: readonly TableColumn[]; readonly input: InputOptions },
  ): RowPacker | undefined {
    if (request === undefined) return undefined;
    const placeOf = (name: string): number => columns.findIndex((column) => column.name === name);
    const numbers = request.inputs.flatMap(({ fields }, index): NumberColumn[] =>
      typeof fields === 'string'
        ? [{ place: placeOf(fields), input: index, column: undefined }]
        : fields.map((field, column) => ({ place: placeOf(field), input: index, column })),
    );
    const { id, key } = fieldNames(input);
    const [idPlace, keyPlace] = [id, key].map((name) => (name === undefined ? undefined : placeOf(name)));
    const places = [...numbers.map(({ place }) => place), idPlace, keyPlace];
    return places.includes(-1) ? undefined : new RowPacker(request, reader, { numbers, id: idPlace, key: keyPlace });
  }

  /** Returns the elements of some rows of a slice, `[from, to)`. */
  pack(slice: RowSlice, from: number, to: number): ReadElement[] {
    const elements: ReadElement[] = [];
    for (let start = from; start < to;) {
      const count = Math.min(to - start, this.#blocks.room);
      this.#packBlock(elements, slice, { start, count });
      start += count;
    }
    return elements;
  }

  /** Packs rows that have room in one block. Those that can't be packed leave their rows of the block unused. */
  #packBlock(
    elements: ReadElement[],
    slice: RowSlice,
    { start, count }: { readonly start: number; readonly count: number },
  ): void {
    const { rows, row: first } = this.#blocks;
    const isOther = new Uint8Array(count);
    for (const { place, input, column } of this.#numbers) {
      const { size, takesMissing } = this.#request.inputs[input] ?? { size: 0, takesMissing: false };
      const values = slice.columns[place];
      const data = rows.data[input];
      if (values?.failure !== undefined || values === undefined || data === undefined) continue;
      const cells: Cells = { data, start: first * size, size, takesMissing, isOther };
      const from = { values: values.values, start: values.start + start, count };
      if (column === undefined && size > 1) copyLists(from, cells);
      else copyColumn(from, { ...cells, start: cells.start + (column ?? 0) });
    }
    this.#blocks.keep(count);
    const [ids, keys] = [this.#column(slice, this.#id), this.#column(slice, this.#key)];
    for (let index = 0; index < count; index += 1) {
      const place = start + index;
      if (isOther[index] === 1) {
        elements.push(this.#reader.read(slice, place));
        continue;
      }
      const fields = { rows, row: first + index, hasPlainId: false, reader: this.#reader };
      const names = { id: textIn(ids, place), key: textIn(keys, place) };
      elements.push(new PackedRow(slice, slice.position + place, { ...fields, ...names }));
    }
  }

  #column(slice: RowSlice, place: number | undefined): SliceColumn | undefined {
    return place === undefined ? undefined : slice.columns[place];
  }
}

interface Places {
  readonly numbers: readonly NumberColumn[];
  readonly id: number | undefined;
  readonly key: number | undefined;
}

/** Returns an id or a key as text, as it is read from an element. */
function textIn(column: SliceColumn | undefined, row: number): string | undefined {
  if (column === undefined || column.failure !== undefined) return undefined;
  const value = column.values[column.start + row];
  if (typeof value === 'string') return value;
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : undefined;
}
