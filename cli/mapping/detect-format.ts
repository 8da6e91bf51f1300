import { compressionOf, decompressedSource, openObject } from '../../lib/formats/compression.ts';
import { splitFields } from '../../lib/formats/csv-fields.ts';
import { isBinary } from '../../lib/formats/encodings.ts';
import { HEAD_BYTES } from '../../lib/formats/object-head.ts';
import { readHead } from '../../lib/formats/head.ts';
import { imageKindOf } from '../../lib/formats/image-signature.ts';
import { isNumericText } from '../../lib/formats/numeric-text.ts';
import type { FormatName } from '../../lib/formats/registry.ts';
import { describeSignature } from '../../lib/formats/signatures.ts';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { openSource } from '../../lib/stores/open-source.ts';

/** The part of a pipeline's `input` that a file shows. */
export interface DetectedInput {
  readonly format: FormatName;
  readonly delimiter?: string;
  /** False if the first row of a CSV is data. */
  readonly header?: false;
}

const FORMAT_OF_SUFFIX: Readonly<Record<string, FormatName>> = {
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'json',
  txt: 'text',
};

/** Separators of a CSV, by preference. A tab makes it a TSV. */
const DELIMITERS = [',', ';', '\t', '|'];
const PARQUET_SIGNATURE = 'PAR1';

/**
 * Detects the format of an input by its name and its first bytes, which may be compressed. JSON, images and Parquet are
 * known by their content, whatever the name.
 *
 * @throws InputError if it is of a kind that can't be read.
 */
export async function detectInput(uri: string): Promise<DetectedInput> {
  const head = await headOf(uri);
  const suffix = suffixOf(uri);
  if (head.toString('latin1', 0, PARQUET_SIGNATURE.length) === PARQUET_SIGNATURE) return { format: 'parquet' };
  if (imageKindOf(head) !== undefined && isBinary(head)) return { format: 'images' };
  const signature = describeSignature(head);
  if (signature !== undefined) throw new InputError(`${uri} is ${signature.what}: ${signature.advice}`);
  const text = head.toString('utf8').replace(/^\uFEFF/, '');
  const format = jsonFormatOf(text) ?? FORMAT_OF_SUFFIX[suffix];
  if (format !== undefined && format !== 'csv' && format !== 'tsv') return { format };
  const [first = ''] = text.split(/\r?\n|\r/, 1);
  const delimiter = format === 'tsv' ? '\t' : delimiterIn(first);
  if (delimiter === undefined) return { format: format ?? 'text' };
  return {
    ...(delimiter === '\t' ? { format: 'tsv' } : { format: 'csv', ...custom(delimiter) }),
    ...headerIn(first, delimiter),
  };
}

/** Reads the first bytes of a file or an object, after decompression. */
async function headOf(uri: string): Promise<Buffer> {
  await using opened = await openSource({ uri });
  const { source, compression } = await openObject(opened, uri);
  return readHead(compression === undefined ? source : decompressedSource(source, compression), HEAD_BYTES);
}

/** Returns the suffix of a name, without that of a compression. */
function suffixOf(uri: string): string {
  const name = compressionOf(uri) === undefined ? uri : uri.slice(0, uri.lastIndexOf('.'));
  return /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
}

/** Returns the format of a text that begins as JSON: an array, or a value for each line. */
function jsonFormatOf(text: string): 'json' | 'jsonl' | undefined {
  const start = text.trimStart();
  if (!start.startsWith('{') && !start.startsWith('[')) return undefined;
  const [line = '', next = ''] = start.split('\n', 2);
  if (isJson(line)) return start.startsWith('{') || next.trim() !== '' ? 'jsonl' : 'json';
  return start.startsWith('[') ? 'json' : undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Returns the separator that the first row has most often; undefined if it has none. */
function delimiterIn(row: string): string | undefined {
  const outside = row.replaceAll(/"[^"]*"/g, '');
  const counts = DELIMITERS.map((delimiter) => outside.split(delimiter).length - 1);
  const most = Math.max(...counts);
  return most === 0 ? undefined : DELIMITERS[counts.indexOf(most)];
}

function custom(delimiter: string): Pick<DetectedInput, 'delimiter'> {
  return delimiter === ',' ? {} : { delimiter };
}

function headerIn(row: string, delimiter: string): Pick<DetectedInput, 'header'> {
  const fields = splitFields(row, delimiter);
  return typeof fields === 'object' && fields.every(isNumericText) ? { header: false } : {};
}
