import type { ReadElement, ReadRequest } from '../format.ts';
import { failedElement, invalidUtf8Element, readElement, tooLarge } from '../read-element.ts';
import { chooseColumns } from './choose-columns.ts';
import { InvalidText } from './column-values.ts';
import { readFooter } from './footer.ts';
import { type RowSlice, rowSlices } from './row-slices.ts';
import type { TableColumn } from './schema.ts';

const PAGE_ELEMENTS = 256;
/** Bytes that a number, or a place in a list, counts for. */
const NUMBER_BYTES = 8;

/** Reads the rows of a bundle. Each is an object by the names of the columns. */
export async function* readRows(request: ReadRequest): AsyncGenerator<readonly ReadElement[]> {
  const { source, range, input, watch, ...options } = request;
  const file = await readFooter(source, options);
  const columns = chooseColumns(file.columns, { ...input, ...(range.header && { columns: range.header }) });
  const reader = new RowReader(columns, input.maxElementBytes);
  let place = 0;
  for await (const slice of rowSlices({ ...options, source, file, columns, start: range.start, end: range.end })) {
    for (let from = 0; from < slice.rows; from += PAGE_ELEMENTS) {
      const page: ReadElement[] = [];
      for (let row = from; row < Math.min(slice.rows, from + PAGE_ELEMENTS); row += 1, place += 1) {
        const refused = watch?.known(place);
        if (refused !== undefined) page.push(failedElement(slice.position + row, refused));
        else page.push(watch === undefined ? reader.read(slice, row) : watch.run(place, () => reader.read(slice, row)));
      }
      yield page;
    }
  }
}

/** Makes elements of rows. */
export class RowReader {
  readonly #columns: readonly TableColumn[];
  readonly #maxElementBytes: number;
  /** True for columns whose values have a size of their own. */
  readonly #isSized: readonly boolean[];

  constructor(columns: readonly TableColumn[], maxElementBytes: number) {
    this.#columns = columns;
    this.#maxElementBytes = maxElementBytes;
    this.#isSized = columns.map(({ leaves }) =>
      leaves.some(({ isFlat, element: { type } }) => !isFlat || type === 'BYTE_ARRAY'),
    );
  }

  read(slice: RowSlice, row: number): ReadElement {
    const position = slice.position + row;
    const input: Record<string, unknown> = {};
    let bytes = 0;
    for (const [index, column] of slice.columns.entries()) {
      if (column.failure !== undefined) return failedElement(position, column.failure);
      const value = column.values[column.start + row] ?? null;
      if (this.#isSized[index] === true) {
        const invalid = invalidText(value);
        if (invalid !== undefined) return invalidUtf8Element(position, Buffer.from(invalid.bytes));
        bytes += bytesOf(value);
      }
      setField(input, this.#columns[index]?.name ?? '', value);
    }
    if (bytes > this.#maxElementBytes) return failedElement(position, tooLarge(this.#maxElementBytes));
    return readElement(position, input);
  }
}

/** Sets a field. A column can be named as a property that objects have by themselves. */
function setField(input: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') input[name] = value;
  else Object.defineProperty(input, name, { value, enumerable: true, configurable: true, writable: true });
}

function invalidText(value: unknown): InvalidText | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined;
  if (value instanceof InvalidText) return value;
  for (const item of Object.values(value)) {
    const invalid = invalidText(item);
    if (invalid !== undefined) return invalid;
  }
  return undefined;
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return NUMBER_BYTES;
  if (value instanceof Uint8Array) return value.length;
  return Object.values(value).reduce((sum: number, item) => sum + bytesOf(item), NUMBER_BYTES);
}
