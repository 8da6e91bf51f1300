import { type ColumnChunk, type ColumnMetaData, type FileMetaData, parquetMetadata, type RowGroup } from 'hyparquet';
import type { ByteRange, ByteSource } from '../../stores/byte-source.ts';
import type { ReadOptions } from '../format.ts';
import { isKnownCodec } from './codecs.ts';
import { invalidParquet } from './invalid-parquet.ts';
import { type Leaf, type TableColumn, tableColumns } from './schema.ts';

/** Bytes that are read first: enough for the footer of most files. */
const TAIL_BYTES = 512 * 1024;
/** Bytes of a footer: that of a file with a million column chunks. Its parsed form takes some times as much memory. */
const MAX_FOOTER_BYTES = 128 * 1024 * 1024;
/** Bytes of the list of a chunk's pages: that of a million pages. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;
const MAGIC_BYTES = 4;
/** The footer's length and the magic bytes after it. */
const END_BYTES = 8;

/** A Parquet file, as its footer describes it. */
export interface ParquetFile {
  readonly columns: readonly TableColumn[];
  readonly groups: readonly Group[];
  readonly rows: number;
  /** Bytes before the footer. */
  readonly dataEnd: number;
}

/** Consecutive rows that are stored together, column by column. */
export interface Group {
  /** Index of its first row in the file. */
  readonly start: number;
  readonly rows: number;
  readonly chunks: readonly ColumnChunk[];
}

/** The part of a file with the values of one leaf in one group. */
export interface Chunk extends ByteRange {
  readonly metadata: ColumnMetaData;
  /** Where the pages of the chunk are listed. */
  readonly offsetIndex: ByteRange | undefined;
}

/**
 * Reads the footer of a Parquet file, by one request in most cases.
 *
 * @throws FabricError `INVALID_PARQUET` if the file is not one, is cut short, damaged or encrypted.
 */
export async function readFooter(source: ByteSource, options: ReadOptions = {}): Promise<ParquetFile> {
  const { byteLength } = source;
  if (byteLength < MAGIC_BYTES + END_BYTES) throw invalidParquet(`it has only ${byteLength} bytes`);
  const tailStart = Math.max(0, byteLength - TAIL_BYTES);
  const tail = await readBytes(source, { start: tailStart, end: byteLength }, options);
  const magic = tail.toString('latin1', tail.length - MAGIC_BYTES);
  if (magic === 'PARE') throw invalidParquet("it ends with 'PARE': the file is encrypted; decrypt it first");
  if (magic !== 'PAR1')
    throw invalidParquet(
      "it does not end with 'PAR1': it was cut short or not written to its end, or has another format",
    );
  const footerBytes = tail.readUInt32LE(tail.length - END_BYTES);
  const dataEnd = byteLength - END_BYTES - footerBytes;
  if (dataEnd < MAGIC_BYTES) throw invalidParquet('its footer is damaged: it would be longer than the file');
  if (footerBytes > MAX_FOOTER_BYTES)
    throw invalidParquet(`its footer has ${footerBytes} bytes, the maximum is ${MAX_FOOTER_BYTES}: split the file`);
  const rest = dataEnd < tailStart ? await readBytes(source, { start: dataEnd, end: tailStart }, options) : undefined;
  const footer = rest === undefined ? tail.subarray(dataEnd - tailStart) : Buffer.concat([rest, tail]);
  return parquetFile(parsed(footer), dataEnd);
}

function parsed(footer: Buffer): FileMetaData {
  try {
    return parquetMetadata(footer, { geoparquet: false });
  } catch (error) {
    throw invalidParquet(`its footer is damaged: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

function parquetFile(metadata: FileMetaData, dataEnd: number): ParquetFile {
  let start = 0;
  const groups = metadata.row_groups.map((group): Group => {
    const rows = rowsOf(group);
    start += rows;
    return { start: start - rows, rows, chunks: group.columns };
  });
  return { columns: columnsOf(metadata), groups, rows: start, dataEnd };
}

function columnsOf(metadata: FileMetaData): readonly TableColumn[] {
  try {
    return tableColumns(metadata);
  } catch (error) {
    if (error instanceof TypeError) throw invalidParquet('its schema is damaged', error);
    throw error;
  }
}

function rowsOf({ num_rows }: RowGroup): number {
  const rows = Number(num_rows);
  if (Number.isSafeInteger(rows) && rows >= 0) return rows;
  throw invalidParquet('its footer is damaged: the number of rows of a group is not one');
}

/** @throws FabricError `INVALID_PARQUET` if the values of the leaf can't be read. */
export function chunkOf({ chunks }: Group, leaf: Leaf, { dataEnd }: ParquetFile): Chunk {
  const chunk = chunks[leaf.index];
  const name = `column '${leaf.path}'`;
  if (chunk === undefined) throw invalidParquet(`its footer is damaged: ${name} has no data`);
  const { meta_data: metadata, crypto_metadata, file_path } = chunk;
  if (crypto_metadata !== undefined || metadata === undefined)
    throw invalidParquet(`${name} is encrypted: decrypt the file first, or choose other columns by 'input.columns'`);
  if (file_path !== undefined) throw invalidParquet(`${name} is in another file, '${file_path}'`);
  if (!isKnownCodec(metadata.codec))
    throw invalidParquet(
      `${name} is compressed with ${metadata.codec ?? 'an unknown codec'}: write it with zstd, snappy, gzip, brotli or lz4`,
    );
  const dataStart = Number(metadata.data_page_offset);
  const dictionary = Number(metadata.dictionary_page_offset ?? 0);
  const start = dictionary > 0 && dictionary < dataStart ? dictionary : dataStart;
  const end = start + Number(metadata.total_compressed_size);
  if (!(start >= MAGIC_BYTES && end >= start && end <= dataEnd))
    throw invalidParquet(`${name} is not within the file, which was cut or damaged`);
  return { start, end, metadata, offsetIndex: offsetIndexOf(chunk, dataEnd) };
}

function offsetIndexOf(
  { offset_index_offset, offset_index_length = 0 }: ColumnChunk,
  dataEnd: number,
): ByteRange | undefined {
  const start = Number(offset_index_offset ?? 0);
  const end = start + offset_index_length;
  const isList = end > start && offset_index_length <= MAX_INDEX_BYTES;
  return isList && start >= MAGIC_BYTES && end <= dataEnd ? { start, end } : undefined;
}

/** Reads a range of bytes as a whole. */
export async function readBytes(
  source: ByteSource,
  range: ByteRange,
  { signal }: ReadOptions = {},
): Promise<Buffer<ArrayBuffer>> {
  const bytes = Buffer.allocUnsafeSlow(range.end - range.start);
  let length = 0;
  for await (const chunk of source.read(range, signal === undefined ? {} : { signal })) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  if (length < bytes.length) throw invalidParquet('it became shorter while it was read');
  return bytes;
}
