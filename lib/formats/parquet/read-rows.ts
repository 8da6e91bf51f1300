import type { ReadElement, ReadRequest } from '../format.ts';
import type { BundleRange } from '../plan.ts';
import { failedElement } from '../read-element.ts';
import { chooseColumns } from './choose-columns.ts';
import { readFooter } from './footer.ts';
import { partitionsOf } from './partitions.ts';
import { RowPacker } from './pack-rows.ts';
import { RowReader } from './read-row.ts';
import { rowSlices } from './row-slices.ts';

const PAGE_ELEMENTS = 256;

/** Reads the rows of a bundle. Each is an object by the names of the columns. */
export async function* readRows(request: ReadRequest): AsyncGenerator<readonly ReadElement[]> {
  const { source, name, range, input, watch, numbers, ...options } = request;
  const file = await readFooter(source, options);
  const chosen = { ...input, ...(range.header && { columns: range.header }) };
  const { columns, partitions } = chooseColumns(file.columns, chosen, partitionsOf(name, input));
  const reader = new RowReader(columns, { partitions, maxElementBytes: input.maxElementBytes });
  const packer = watch === undefined ? RowPacker.of(numbers, reader, { columns, input }) : undefined;
  let place = 0;
  for await (const slice of rowSlices({ ...options, source, file, columns, ...rowsOf(range) })) {
    const packing = packer !== undefined && reader.readsAll(slice) ? packer : undefined;
    for (let from = 0; from < slice.rows; from += PAGE_ELEMENTS) {
      const to = Math.min(slice.rows, from + PAGE_ELEMENTS);
      if (packing !== undefined) {
        yield packing.pack(slice, from, to);
        continue;
      }
      const page: ReadElement[] = [];
      for (let row = from; row < to; row += 1, place += 1) {
        const refused = watch?.known(place);
        if (refused !== undefined) page.push(failedElement(slice.position + row, refused));
        else page.push(watch === undefined ? reader.read(slice, row) : watch.run(place, () => reader.read(slice, row)));
      }
      yield page;
    }
  }
}

function rowsOf({ start, end, pages }: BundleRange): Pick<BundleRange, 'start' | 'end' | 'pages'> {
  return { start, end, ...(pages === undefined ? {} : { pages }) };
}
