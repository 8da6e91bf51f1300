import { compressionOf, decompressedSource, openObject } from '../../lib/formats/compression.ts';
import { readHead } from '../../lib/formats/head.ts';
import type { InspectedModel, InspectedTensor } from '../../lib/models/inspect-onnx.ts';
import { openSource } from '../../lib/stores/open-source.ts';
import type { DetectedInput } from '../mapping/detect-format.ts';
import { widthOf } from '../mapping/data-sample.ts';

/** Number of elements of the sample. */
const SAMPLE_ELEMENTS = 20;
/** Bytes of a file in which the sample is looked for. */
const MAX_SAMPLE_BYTES = 4 * 1024 * 1024;
/** Maximum number of values of a sample that is made up. */
const MAX_VALUES = 100_000;

const SUFFIXES: Readonly<Record<string, string>> = { text: 'txt' };

/** Returns the file name suffix of a format. */
export function suffixOf({ format }: DetectedInput): string {
  return SUFFIXES[format] ?? format;
}

/** Returns the first elements of a file, in its own format and without compression. */
export async function firstRecords(uri: string, input: DetectedInput, elements: readonly unknown[]): Promise<string> {
  if (input.format === 'json') return `${JSON.stringify(elements.slice(0, SAMPLE_ELEMENTS), undefined, 2)}\n`;
  const text = await headText(uri);
  const hasHeader = (input.format === 'csv' || input.format === 'tsv') && input.header !== false;
  const records = splitRecords(text, input.format === 'csv' || input.format === 'tsv');
  return `${records.slice(0, SAMPLE_ELEMENTS + Number(hasHeader)).join('\n')}\n`;
}

async function headText(uri: string): Promise<string> {
  await using opened = await openSource({ uri });
  const { source, compression } = await openObject(opened, compressionOf(uri) === undefined ? uri : uri);
  const readable = compression === undefined ? source : decompressedSource(source, compression);
  return (await readHead(readable, MAX_SAMPLE_BYTES)).toString('utf8').replace(/^\uFEFF/, '');
}

/** Splits text into lines. In a CSV, a line break in quotes belongs to its row. */
function splitRecords(text: string, isQuoted: boolean): readonly string[] {
  const records: string[] = [];
  let open: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const record: string = open === undefined ? line : `${open}\n${line}`;
    const isOpen = isQuoted && record.split('"').length % 2 === 0;
    open = isOpen ? record : undefined;
    if (!isOpen && record !== '') records.push(record);
    if (records.length > SAMPLE_ELEMENTS) break;
  }
  return records;
}

/** Makes up elements for a model's inputs, as JSON Lines: numbers from 0 to 1, the same each time. */
export function madeUpRecords({ inputs }: InspectedModel): string {
  const values = inputs.reduce((sum, input) => sum + (widthOf(input) ?? 1), 0);
  const rows = Math.max(1, Math.min(SAMPLE_ELEMENTS, Math.floor(MAX_VALUES / values)));
  const lines = Array.from({ length: rows }, (_, row) => {
    const fields = inputs.map((input) => [input.name, madeUpValue(input, row)] as const);
    return JSON.stringify({ id: `sample-${row + 1}`, ...Object.fromEntries(fields) });
  });
  return `${lines.join('\n')}\n`;
}

function madeUpValue({ datatype, shape, batchDimension }: InspectedTensor, row: number): unknown {
  let count = 0;
  const value = (): unknown => {
    count += 1;
    const place = (row * 31 + count * 17) % 100;
    if (datatype === 'BYTES') return `text ${place}`;
    if (datatype === 'BOOL') return place % 2 === 0;
    return datatype.startsWith('FP') ? place / 100 : place;
  };
  const nested = ([size, ...inner]: readonly (number | string)[]): unknown => {
    if (size === undefined) return value();
    // A free dimension can have any length.
    const length = typeof size === 'number' && size > 0 ? size : 1;
    return Array.from({ length }, () => nested(inner));
  };
  return nested(shape?.slice(batchDimension === null ? 0 : 1) ?? []);
}
