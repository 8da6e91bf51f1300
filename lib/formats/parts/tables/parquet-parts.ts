import { createReadStream } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { CompressionCodec } from 'hyparquet';
import { FabricError } from '../../../errors.ts';
import type { ByteSource } from '../../../stores/byte-source.ts';
import { misfit, type OutputType } from '../output-schema.ts';
import type { PartCompression, PartFormat } from '../part-writer.ts';
import { readLines } from '../read-lines.ts';
import { lineFields, lineOf } from './line-fields.ts';
import { parquetSchema, tableTypes } from './table-schema.ts';
import { jsonText, storedValue } from './table-values.ts';

/** Rows of a row group, as readers of data sets like them. */
const GROUP_ROWS = 50_000;
/** Characters of the lines of a row group: they are in memory until it is written. */
const GROUP_CHARACTERS = 16 * 1024 * 1024;

const CODECS: Readonly<Record<PartCompression, CompressionCodec>> = {
  snappy: 'SNAPPY',
  zstd: 'ZSTD',
  gzip: 'GZIP',
  none: 'UNCOMPRESSED',
};

/** Writes the lines of a bundle as a Parquet file. */
export async function writeParquet(lines: string, part: string, format: PartFormat): Promise<void> {
  const { fileWriter, ParquetWriter } = await import('hyparquet-writer');
  const writer = new ParquetWriter({
    writer: fileWriter(part),
    // The types of the writer's own version of the reader are the same.
    schema: parquetSchema(format) as ConstructorParameters<typeof ParquetWriter>[0]['schema'],
    codec: CODECS[format.compression ?? 'snappy'],
    compressors: { ZSTD: zstdCompressSync, GZIP: gzipSync },
    createdBy: 'inference-fabric',
  });
  let rows = new TableRows(format);
  const write = async (): Promise<void> => {
    if (rows.count > 0) await writer.write({ columnData: rows.columns(), rowGroupSize: rows.count });
    rows = new TableRows(format);
  };
  for await (const line of readLines(createReadStream(lines))) {
    rows.add(line);
    if (rows.count >= GROUP_ROWS || rows.characters >= GROUP_CHARACTERS) await write();
  }
  await write();
  await writer.finish();
}

/** Lines of results, as columns. */
class TableRows {
  count = 0;
  characters = 0;
  readonly #types: Readonly<Record<string, OutputType>>;
  readonly #columns: ReadonlyMap<string, unknown[]>;

  constructor(format: PartFormat) {
    this.#types = tableTypes(format);
    this.#columns = new Map(Object.keys(this.#types).map((name) => [name, []]));
  }

  add(line: string): void {
    const { id, key, prediction, input, model } = lineFields(line);
    const type = this.#types['prediction'] ?? 'json';
    this.#push('id', JSON.parse(id));
    this.#push('key', key === undefined ? null : JSON.parse(key));
    this.#push('prediction', type === 'json' ? prediction : storedPrediction(prediction, type));
    this.#push('input', input ?? null);
    this.#push('model', model.startsWith('[') ? model : JSON.parse(model));
    this.count += 1;
    this.characters += line.length;
  }

  columns(): { readonly name: string; readonly data: unknown[] }[] {
    return [...this.#columns].map(([name, data]) => ({ name, data }));
  }

  #push(name: string, value: unknown): void {
    this.#columns.get(name)?.push(value);
  }
}

/** @throws FabricError `SCHEMA_CHANGED` if another configuration made the prediction. */
function storedPrediction(text: string, type: OutputType): unknown {
  const value: unknown = JSON.parse(text);
  const problem = misfit(value, type, 'prediction');
  if (problem === undefined) return storedValue(value, type);
  throw new FabricError(
    'SCHEMA_CHANGED',
    `Cannot write the results: ${problem}, in the 'output.schema' with which the job began`,
  );
}

/** Returns the lines that a Parquet part was written from. Times have microseconds and are in UTC. */
export async function* readParquet(part: AsyncIterable<Uint8Array>, format: PartFormat): AsyncGenerator<string> {
  const { readFooter } = await import('../../parquet/footer.ts');
  const { rowSlices } = await import('../../parquet/row-slices.ts');
  const source = memorySource(Buffer.concat(await Array.fromAsync(part)));
  const file = await readFooter(source);
  const types = tableTypes(format);
  const { columns } = file;
  for await (const slice of rowSlices({ source, file, columns, start: 0, end: file.rows })) {
    for (let row = 0; row < slice.rows; row += 1) {
      const texts: Record<string, string> = {};
      for (const [index, column] of slice.columns.entries()) {
        if (column.failure !== undefined)
          throw new FabricError('DAMAGED_PART', `Cannot read the results: ${column.failure.message}`);
        const name = columns[index]?.name ?? '';
        const value = column.values[column.start + row];
        if (name === 'key' && (value === null || value === undefined)) continue;
        texts[name] = textOf(name, value, types[name] ?? 'json');
      }
      const { id = '""', prediction = 'null', model = '[]', ...others } = texts;
      yield lineOf({ id, prediction, model, ...others });
    }
  }
}

function textOf(name: string, value: unknown, type: OutputType): string {
  const isList = name === 'model' && typeof value === 'string' && value.startsWith('[');
  return isList ? value : jsonText(value, type);
}

function memorySource(bytes: Buffer): ByteSource {
  return {
    byteLength: bytes.length,
    // A copy, because chunks belong to the caller.
    async *read({ start, end }) {
      yield Buffer.from(bytes.subarray(start, end));
    },
  };
}
