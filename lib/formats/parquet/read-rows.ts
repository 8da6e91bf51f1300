import type { PageEntry, ReadElement, ReadRequest } from '../format.ts';
import type { NumberRequest } from '../numbers/number-request.ts';
import type { BundleRange } from '../plan.ts';
import { failedElement } from '../read-element.ts';
import { chooseColumns } from './choose-columns.ts';
import { readFooter } from './footer.ts';
import { partitionsOf } from './partitions.ts';
import { RowPacker } from './pack-rows.ts';
import { RowReader } from './read-row.ts';
import { type RowSlice, rowSlices } from './row-slices.ts';
import type { TableColumn } from './schema.ts';

const PAGE_ELEMENTS = 256;

/** Rows of a slice that make a page, `[from, to)`, and the reader of all rows. */
interface SlicePage {
  readonly slice: RowSlice;
  readonly from: number;
  readonly to: number;
  readonly reader: RowReader;
  readonly columns: readonly TableColumn[];
}

/** Reads the rows of a bundle. Each is an object by the names of the columns. */
export async function* readRows(request: ReadRequest): AsyncGenerator<readonly ReadElement[]> {
  const { watch } = request;
  let place = 0;
  for await (const { slice, from, to, reader } of slicePages(request)) {
    const page: ReadElement[] = [];
    for (let row = from; row < to; row += 1, place += 1) {
      const refused = watch?.known(place);
      if (refused !== undefined) page.push(failedElement(slice.position + row, refused));
      else page.push(watch === undefined ? reader.read(slice, row) : watch.run(place, () => reader.read(slice, row)));
    }
    yield page;
  }
}

/** Does the same, with the numbers of rows packed where they can be. */
export async function* readPackedRows(
  request: ReadRequest,
  numbers: NumberRequest,
): AsyncGenerator<readonly PageEntry[]> {
  const { input } = request;
  let packer: RowPacker | undefined;
  let isOpen = false;
  for await (const { slice, from, to, reader, columns } of slicePages(request)) {
    if (!isOpen) packer = RowPacker.of(numbers, reader, { columns, input });
    isOpen = true;
    if (packer !== undefined && reader.readsAll(slice)) yield packer.pack(slice, from, to);
    else yield Array.from({ length: to - from }, (_, index) => reader.read(slice, from + index));
  }
}

async function* slicePages(request: ReadRequest): AsyncGenerator<SlicePage> {
  const { source, name, range, input, watch: _, ...options } = request;
  const file = await readFooter(source, options);
  const chosen = { ...input, ...(range.header && { columns: range.header }) };
  const { columns, partitions } = chooseColumns(file.columns, chosen, partitionsOf(name, input));
  const reader = new RowReader(columns, { partitions, maxElementBytes: input.maxElementBytes });
  for await (const slice of rowSlices({ ...options, source, file, columns, ...rowsOf(range) }))
    for (let from = 0; from < slice.rows; from += PAGE_ELEMENTS)
      yield { slice, from, to: Math.min(slice.rows, from + PAGE_ELEMENTS), reader, columns };
}

function rowsOf({ start, end, pages }: BundleRange): Pick<BundleRange, 'start' | 'end' | 'pages'> {
  return { start, end, ...(pages === undefined ? {} : { pages }) };
}
