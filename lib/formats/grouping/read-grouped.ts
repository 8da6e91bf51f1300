import type { ByteRange, ByteSource } from '../../stores/byte-source.ts';
import type { ElementPacking, ElementWatch, InputOptions, ReadElement, ReadOptions } from '../format.ts';
import { asBuffer } from '../records.ts';
import { elementsFormat } from '../registry.ts';
import { FabricError } from '../../errors.ts';
import { RECORD_HEAD_BYTES, recordBytes, refusedRecord, unpackRecord } from './grouped-record.ts';

const PAGE_ELEMENTS = 256;
const PAGE_BYTES = 256 * 1024;

/** A bundle that was staged: its planned bytes among all staged bytes, and the columns, for formats that have them. */
export interface ReadGroupedRequest extends ReadOptions {
  readonly source: ByteSource;
  readonly range: ByteRange;
  readonly input: InputOptions;
  readonly header?: readonly string[] | undefined;
}

/**
 * Reads the elements of a bundle that was grouped by key, in pages, with the same results as from the object itself.
 *
 * @throws FabricError `STAGED_BUNDLE_DAMAGED` if its length is not the planned one.
 */
export async function* readGrouped({
  source,
  range,
  header,
  input,
  signal,
  watch,
}: ReadGroupedRequest): AsyncGenerator<readonly ReadElement[]> {
  const plannedBytes = range.end - range.start;
  if (source.byteLength !== plannedBytes) {
    throw damaged(`its staged bytes are ${source.byteLength}, not the ${plannedBytes} that were planned`);
  }
  const packing = elementsFormat(input.format).packing(header ?? [], input);
  let page: ReadElement[] = [];
  let pageBytes = 0;
  let place = 0;
  for await (const { bytes, ends } of wholeRecords(source, signal)) {
    let start = 0;
    for (const end of ends) {
      page.push(
        watch === undefined
          ? unpackRecord(bytes, start, packing)
          : watchedRecord({ bytes, start, packing }, place, watch),
      );
      place += 1;
      pageBytes += end - start;
      start = end;
      if (page.length < PAGE_ELEMENTS && pageBytes < PAGE_BYTES) continue;
      yield page;
      page = [];
      pageBytes = 0;
    }
  }
  if (page.length > 0) yield page;
}

interface WholeRecord {
  readonly bytes: Buffer;
  readonly start: number;
  readonly packing: ElementPacking;
}

function watchedRecord({ bytes, start, packing }: WholeRecord, place: number, watch: ElementWatch): ReadElement {
  const failure = watch.known(place);
  if (failure !== undefined) return refusedRecord(bytes, start, failure);
  return watch.run(place, () => unpackRecord(bytes, start, packing));
}

/** Yields the bytes in pieces of complete records. */
async function* wholeRecords(
  source: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ readonly bytes: Buffer; readonly ends: readonly number[] }> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let wanted = RECORD_HEAD_BYTES;
  for await (const chunk of source.read({ start: 0, end: source.byteLength }, signal ? { signal } : {})) {
    signal?.throwIfAborted();
    held.push(asBuffer(chunk));
    heldBytes += chunk.length;
    if (heldBytes < wanted) continue;
    const bytes = Buffer.concat(held);
    const ends = recordEnds(bytes);
    const rest = bytes.subarray(ends.at(-1) ?? 0);
    held = [rest];
    heldBytes = rest.length;
    wanted = rest.length < RECORD_HEAD_BYTES ? RECORD_HEAD_BYTES : recordBytes(rest, 0);
    if (ends.length > 0) yield { bytes, ends };
  }
  if (heldBytes === 0) return;
  throw damaged('its staged bytes end within a record');
}

function damaged(how: string): FabricError {
  return new FabricError('STAGED_BUNDLE_DAMAGED', `Cannot read the bundle: ${how}`);
}

function recordEnds(bytes: Buffer): readonly number[] {
  const ends: number[] = [];
  let start = 0;
  while (bytes.length - start >= RECORD_HEAD_BYTES) {
    start += recordBytes(bytes, start);
    if (start > bytes.length) break;
    ends.push(start);
  }
  return ends;
}
