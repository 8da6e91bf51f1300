import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FabricError } from '../../../errors.ts';
import { isListType, type OutputType } from '../output-schema.ts';
import type { PartFormat } from '../part-writer.ts';
import { readLines } from '../read-lines.ts';
import { type LineFields, lineFields, lineOf } from './line-fields.ts';

/** Characters that are written together. */
const CHUNK_CHARACTERS = 256 * 1024;
const SPECIAL = /[",\r\n]/;

/** A column for a field of the predictions, or for all of a prediction. */
interface PredictionColumn {
  readonly name: string;
  readonly type: OutputType;
}

/** Returns the columns that a CSV file has of predictions: one for each field if they are objects. */
function predictionColumns({ schema = 'json' }: PartFormat): readonly PredictionColumn[] {
  if (typeof schema === 'string' || isListType(schema)) return [{ name: 'prediction', type: schema }];
  return Object.entries(schema).map(([name, type]) => ({ name, type }));
}

/** Checks whether predictions have a column for each field. */
function hasFields({ schema = 'json' }: PartFormat): boolean {
  return typeof schema !== 'string' && !isListType(schema);
}

/** Writes the lines of a bundle as a CSV file. */
export async function writeCsv(lines: string, part: string, format: PartFormat): Promise<void> {
  async function* chunks(): AsyncGenerator<string> {
    let text = `${headerOf(format).map(cell).join(',')}\n`;
    for await (const line of readLines(createReadStream(lines))) {
      text += `${cellsOf(lineFields(line), format).join(',')}\n`;
      if (text.length < CHUNK_CHARACTERS) continue;
      yield text;
      text = '';
    }
    if (text !== '') yield text;
  }
  await pipeline(chunks, createWriteStream(part));
}

function headerOf(format: PartFormat): readonly string[] {
  const predictions = predictionColumns(format).map(({ name }) => name);
  return ['id', 'key', ...predictions, ...(format.join === 'input' ? ['input'] : []), 'model'];
}

function cellsOf({ id, key, prediction, input, model }: LineFields, format: PartFormat): readonly string[] {
  const columns = predictionColumns(format);
  const value: unknown = hasFields(format) ? JSON.parse(prediction) : undefined;
  const fields = value === null || value === undefined ? {} : (value as Readonly<Record<string, unknown>>);
  const predictions = hasFields(format)
    ? columns.map(({ name, type }) => valueCell(JSON.stringify(fields[name] ?? null), type))
    : columns.map(({ type }) => valueCell(prediction, type));
  const joined = format.join === 'input' ? [cell(input ?? 'null')] : [];
  return [textCell(id), key === undefined ? '' : textCell(key), ...predictions, ...joined, textCell(model)];
}

/** Returns the cell of a JSON text: a string as it is, an object or a list as JSON, and nothing for null. */
function valueCell(json: string, type: OutputType): string {
  if (type === 'json') return cell(json);
  return json === 'null' ? '' : textCell(json);
}

function textCell(json: string): string {
  // The JSON of a string is one.
  return json.startsWith('"') ? cell(JSON.parse(json) as string) : cell(json);
}

/** Quotes a text if it must be; an empty one is quoted to differ from no value. */
function cell(text: string): string {
  return text === '' || SPECIAL.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Returns the lines that a CSV part was written from. */
export async function* readCsv(part: AsyncIterable<Uint8Array>, format: PartFormat): AsyncGenerator<string> {
  const text = Buffer.concat(await Array.fromAsync(part)).toString('utf8');
  const columns = predictionColumns(format);
  const header = headerOf(format);
  let isHeader = true;
  for (const row of rowsIn(text)) {
    if (isHeader) {
      isHeader = false;
      continue;
    }
    if (row.length !== header.length)
      throw new FabricError(
        'DAMAGED_PART',
        `Cannot read the results: a row has ${row.length} cells of ${header.length}`,
      );
    const cells = row.slice(2, 2 + columns.length);
    const texts = columns.map(({ type }, index) => jsonOf(cells[index], type));
    const prediction = hasFields(format)
      ? `{${columns.map(({ name }, index) => `${JSON.stringify(name)}:${texts[index] ?? 'null'}`).join(',')}}`
      : (texts[0] ?? 'null');
    const [id, key] = row;
    const model = row.at(-1) ?? '';
    yield lineOf({
      id: JSON.stringify(id ?? ''),
      ...(key === undefined ? {} : { key: JSON.stringify(key) }),
      prediction,
      ...(format.join === 'input' ? { input: row.at(-2) ?? 'null' } : {}),
      model: model.startsWith('[') ? model : JSON.stringify(model),
    });
  }
}

/** Returns the JSON of a cell; one without a value is undefined. */
function jsonOf(text: string | undefined, type: OutputType): string {
  if (text === undefined) return 'null';
  switch (type) {
    case 'string':
    case 'date':
    case 'timestamp':
      return JSON.stringify(text);
    case 'float':
    case 'double':
      return Number.isFinite(Number(text)) ? text : JSON.stringify(text);
    case 'int64':
      return Number.isSafeInteger(Number(text)) ? text : JSON.stringify(text);
    default:
      return text;
  }
}

/** Returns the rows of a CSV file that `writeCsv` wrote; cells without a value are undefined. */
function* rowsIn(text: string): Generator<readonly (string | undefined)[]> {
  let row: (string | undefined)[] = [];
  let at = 0;
  while (at < text.length) {
    let value: string | undefined;
    if (text[at] === '"') {
      let end = text.indexOf('"', at + 1);
      while (text[end + 1] === '"') end = text.indexOf('"', end + 2);
      value = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    } else {
      const start = at;
      while (at < text.length && text[at] !== ',' && text[at] !== '\n') at += 1;
      value = at === start ? undefined : text.slice(start, at);
    }
    row.push(value);
    // The last cell of a row is its model, and never without a value.
    if (text[at] === '\n') {
      yield row;
      row = [];
    }
    at += 1;
  }
}
