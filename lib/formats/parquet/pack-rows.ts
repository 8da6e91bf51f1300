import type { InputOptions, PageEntry } from '../format.ts';
import { fieldNames } from '../numbers/packing-parser.ts';
import { NumberBlocks } from '../numbers/number-rows.ts';
import type { NumberRequest } from '../numbers/number-request.ts';
import { type Cells, copyColumn, copyLists } from './copy-numbers.ts';
import type { RowReader } from './read-row.ts';
import type { RowSlice, SliceColumn } from './row-slices.ts';
import type { TableColumn } from './schema.ts';
import { TableRows } from './table-rows.ts';

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
    request: NumberRequest,
    reader: RowReader,
    { columns, input }: { readonly columns: readonly TableColumn[]; readonly input: InputOptions },
  ): RowPacker | undefined {
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
  pack(slice: RowSlice, from: number, to: number): PageEntry[] {
    const elements: PageEntry[] = [];
    for (let start = from; start < to;) {
      const count = Math.min(to - start, this.#blocks.room);
      this.#packBlock(elements, slice, { start, count });
      start += count;
    }
    return elements;
  }

  /** Packs rows that have room in one block. Those that can't be packed leave their rows of the block unused. */
  #packBlock(
    elements: PageEntry[],
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
    const shared = { slice, rows, reader: this.#reader, ids, keys };
    for (let index = 0; index < count;) {
      if (isOther[index] === 1) {
        elements.push(this.#reader.read(slice, start + index));
        index += 1;
        continue;
      }
      const end = endOfPacked(isOther, index);
      elements.push(new TableRows({ ...shared, start: start + index, firstRow: first + index, count: end - index }));
      index = end;
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

/** Returns the end of the packed rows that begin at an index. */
function endOfPacked(isOther: Uint8Array, start: number): number {
  const end = isOther.indexOf(1, start);
  return end === -1 ? isOther.length : end;
}
