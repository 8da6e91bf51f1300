import { binary } from './binary.ts';
import { csv } from './csv.ts';
import type { ElementsFormat, Format, ObjectFormat } from './format.ts';
import { images } from './images.ts';
import { jsonArray } from './json-array.ts';
import { jsonLines } from './jsonl.ts';
import { parquet } from './parquet.ts';
import { textLines } from './text.ts';

/** The formats of inputs, by the names that a configuration uses. */
const FORMATS = { jsonl: jsonLines, json: jsonArray, csv, tsv: csv, text: textLines, parquet, images, binary };

export type FormatName = keyof typeof FORMATS;

/** Names of the formats whose objects hold many elements. */
export type ElementsFormatName = {
  [Name in FormatName]: (typeof FORMATS)[Name] extends ElementsFormat ? Name : never;
}[FormatName];

const formats: ReadonlyMap<string, Format> = new Map(Object.entries(FORMATS));

/** Returns the names of all formats, or of those whose objects hold many elements or one. */
export function formatNames(holds?: Format['holds']): readonly string[] {
  return [...formats].filter(([, format]) => holds === undefined || format.holds === holds).map(([name]) => name);
}

/** @throws TypeError if no format has this name. */
export function formatOf(name: string): Format {
  const format = formats.get(name);
  if (format !== undefined) return format;
  throw new TypeError(
    `Cannot read the input as 'format' must be one of ${formatNames().join(', ')}: current value is ${name}`,
  );
}

/** @throws TypeError if the objects of the format are one element each. */
export function elementsFormat(name: string): ElementsFormat {
  const format = formatOf(name);
  if (format.holds === 'many') return format;
  throw new TypeError(
    `Cannot read elements of an object as 'format' must be one of ${formatNames('many').join(', ')}: current value is ${name}`,
  );
}

/** @throws TypeError if the objects of the format hold many elements. */
export function objectFormat(name: string): ObjectFormat {
  const format = formatOf(name);
  if (format.holds === 'one') return format;
  throw new TypeError(
    `Cannot read whole objects as 'format' must be one of ${formatNames('one').join(', ')}: current value is ${name}`,
  );
}
