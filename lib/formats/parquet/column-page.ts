import { crc32 } from 'node:zlib';
import type { CompressionCodec, DecodedArray, PageHeader } from 'hyparquet';
import { assembleLists } from 'hyparquet/src/assemble.js';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressPage } from 'hyparquet/src/datapage.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from 'hyparquet/src/schema.js';
import { codecs } from './codecs.ts';
import type { ColumnValues } from './column-values.ts';
import { lookUp } from './look-up.ts';
import { bitsOf, fillRuns, type Places, readRuns } from './run-lengths.ts';
import type { Leaf } from './schema.ts';
import { storedValues } from './stored-values.ts';

/** Bytes of a page after decompression. Writers make pages of 1 MiB; one value can be larger. */
const MAX_PAGE_BYTES = 256 * 1024 * 1024;
/** Values of a page: without a limit, a few bytes could stand for billions of nulls. */
const MAX_PAGE_VALUES = 16 * 1024 * 1024;
const LENGTH_BYTES = 4;

/** The header of a page, and the number of its bytes. */
export interface ReadHeader {
  readonly header: PageHeader;
  readonly byteLength: number;
}

/** Parses the header at the beginning of some bytes. @throws if they are not a header, or not all of it */
export function readHeader(bytes: Uint8Array): ReadHeader {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  const header = parquetHeader(reader);
  for (const size of [header.uncompressed_page_size, header.compressed_page_size])
    if (!isCount(size, MAX_PAGE_BYTES))
      throw new RangeError(`a page would have ${String(size)} bytes, the maximum is ${MAX_PAGE_BYTES}`);
  const rows = header.data_page_header_v2?.num_rows ?? 0;
  if (!isCount(rows, MAX_PAGE_VALUES)) throw new RangeError(`a page would have ${String(rows)} rows`);
  return { header, byteLength: reader.offset };
}

/** Returns the number of values of a page, nulls included. */
export function valuesOf(page: PageHeader): number {
  const part = page.data_page_header_v2 ?? page.data_page_header ?? page.dictionary_page_header;
  const values = part?.num_values;
  if (isCount(values, MAX_PAGE_VALUES)) return values;
  throw new RangeError(`a page would have ${String(values)} values, the maximum is ${MAX_PAGE_VALUES}`);
}

/** Checks for a whole number: a damaged header can have values of any type. */
function isCount(value: unknown, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most;
}

/** A page's header and its bytes, as they are stored. */
export interface StoredPage {
  readonly header: PageHeader;
  readonly bytes: Uint8Array;
}

/** The parts of a page of data. Levels tell at which depth of a nested column a value is, or is missing. */
interface PageParts {
  readonly repetitions: Places | undefined;
  readonly definitions: Places | undefined;
  /** Bytes of the values. */
  readonly bytes: Uint8Array;
}

/** Decodes the pages of one leaf in one row group. */
export class PageDecoder {
  readonly #leaf: Leaf;
  readonly #codec: CompressionCodec;
  readonly #maxRepetition: number;
  readonly #maxDefinition: number;
  #dictionary: ColumnValues | undefined;

  constructor(leaf: Leaf, codec: CompressionCodec) {
    this.#leaf = leaf;
    this.#codec = codec;
    this.#maxRepetition = getMaxRepetitionLevel(leaf.schemaPath);
    this.#maxDefinition = getMaxDefinitionLevel(leaf.schemaPath);
  }

  setDictionary({ header, bytes }: StoredPage): void {
    checkSum(header, bytes);
    const page = this.#decompressed(bytes, header.uncompressed_page_size);
    const count = valuesOf(header);
    this.#dictionary = this.#converted(storedValues({ bytes: page, count, encoding: 'PLAIN' }, this.#leaf.element));
  }

  /**
   * Returns the values of a page of data, one for each row; nested ones as lists for each level that is optional or
   * repeated.
   *
   * @param open - the row of the page before that may go on in this page; it is added to
   * @throws if the page is damaged
   */
  values(page: StoredPage, open: unknown[]): ColumnValues {
    checkSum(page.header, page.bytes);
    const { data_page_header: v1, data_page_header_v2: v2 } = page.header;
    const count = valuesOf(page.header);
    if (count === 0) return open;
    const { repetitions, definitions, bytes } = v2 === undefined ? this.#first(page, count) : this.#second(page, count);
    const stored = definitions === undefined ? count : countOf(definitions, this.#maxDefinition);
    const values = this.#valuesIn({ bytes, count: stored, encoding: String(v2?.encoding ?? v1?.encoding) });
    if (values.length !== stored) throw new RangeError('it has fewer values than its header says');
    if (this.#leaf.isFlat) return stored === count ? values : withNulls(values, definitions, count);
    return assembleLists(
      open,
      // Only read by index.
      definitions as unknown as number[] | undefined,
      (repetitions ?? []) as unknown as number[],
      values as DecodedArray,
      this.#leaf.schemaPath,
    );
  }

  #decompressed(bytes: Uint8Array, byteLength: number): Uint8Array {
    return decompressPage(bytes, byteLength, this.#codec, codecs);
  }

  /** Splits a page of the first version, whose levels are compressed and begin with their lengths. */
  #first({ header, bytes }: StoredPage, count: number): PageParts {
    const page = this.#decompressed(bytes, header.uncompressed_page_size);
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    let at = 0;
    const levels = (most: number, encoding: string | undefined): Places | undefined => {
      if (most === 0) return undefined;
      if (encoding === 'BIT_PACKED') throw new RangeError('the encoding of its levels, BIT_PACKED, is not supported');
      const start = at + LENGTH_BYTES;
      at = start + view.getUint32(at, true);
      return readRuns({ bytes: page, start, end: at, width: bitsOf(most) }, count);
    };
    const repetitions = levels(this.#maxRepetition, header.data_page_header?.repetition_level_encoding);
    const definitions = levels(this.#maxDefinition, header.data_page_header?.definition_level_encoding);
    return { repetitions, definitions, bytes: page.subarray(at) };
  }

  /** Splits a page of the second version, whose levels are not compressed. */
  #second({ header, bytes }: StoredPage, count: number): PageParts {
    const v2 = header.data_page_header_v2;
    const split = v2?.repetition_levels_byte_length ?? 0;
    const end = split + (v2?.definition_levels_byte_length ?? 0);
    const levels = (most: number, [start, last]: readonly [number, number]): Places | undefined =>
      most === 0 ? undefined : readRuns({ bytes, start, end: last, width: bitsOf(most) }, count);
    const repetitions = levels(this.#maxRepetition, [0, split]);
    const definitions = levels(this.#maxDefinition, [split, end]);
    const valueBytes = header.uncompressed_page_size - end;
    const values = bytes.subarray(end);
    const isCompressed = v2?.is_compressed !== false && valueBytes > 0;
    return { repetitions, definitions, bytes: isCompressed ? this.#decompressed(values, valueBytes) : values };
  }

  #valuesIn(encoded: { readonly bytes: Uint8Array; readonly count: number; readonly encoding: string }): ColumnValues {
    const { bytes, count, encoding } = encoded;
    if (!encoding.endsWith('_DICTIONARY')) return this.#converted(storedValues(encoded, this.#leaf.element));
    if (count === 0) return [];
    const runs = { bytes, start: 1, end: bytes.length, width: bytes[0] ?? 0 };
    return this.#looked(fillRuns(runs, new Int32Array(count)));
  }

  #converted(stored: ColumnValues): ColumnValues {
    const { convert } = this.#leaf;
    return convert === undefined ? stored : convert(stored);
  }

  #looked(places: Int32Array): ColumnValues {
    if (this.#dictionary === undefined) throw new RangeError('it has no dictionary');
    return lookUp(this.#dictionary, places);
  }
}

function countOf(levels: Places, level: number): number {
  let count = 0;
  for (let index = 0; index < levels.length; index += 1) if (levels[index] === level) count += 1;
  return count;
}

function withNulls(values: ColumnValues, definitions: Places | undefined, count: number): unknown[] {
  const all = Array.from<unknown>({ length: count });
  let next = 0;
  for (let index = 0; index < count; index += 1) all[index] = definitions?.[index] === 1 ? values[next++] : null;
  return all;
}

function checkSum({ crc }: PageHeader, bytes: Uint8Array): void {
  if (crc !== undefined && crc >>> 0 !== crc32(bytes)) throw new RangeError('its checksum is wrong');
}
