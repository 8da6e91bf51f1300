import { InputMismatchError } from '../../models/element-shape.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import { NotTheProtocolError } from '../http/http-client.ts';
import { parseLenient } from '../http/lenient-json.ts';
import { csvRow, csvValues } from './csv-body.ts';

/** Content types of SageMaker's own containers. */
export type SageMakerContentType = 'application/json' | 'application/jsonlines' | 'text/csv';

export const CONTENT_TYPES: readonly string[] = ['application/json', 'application/jsonlines', 'text/csv'];

/**
 * Layout of a batch in a JSON body: `{"instances": [...]}` (TensorFlow Serving, and SageMaker's built-in algorithms),
 * `{"inputs": [...]}` (Hugging Face), or `[...]` (PyTorch, scikit-learn).
 */
export type SageMakerJsonBody = 'instances' | 'inputs' | 'array';

export interface BodyFormat {
  readonly contentType: SageMakerContentType;
  readonly jsonBody: SageMakerJsonBody;
}

/** @throws InputMismatchError for an element that such a body can't contain. */
export function encodeBody(batch: readonly unknown[], format: BodyFormat, args: InferenceArgs = {}): string {
  const { contentType, jsonBody } = format;
  if (contentType === 'application/json' && jsonBody !== 'array') return json({ ...args, [jsonBody]: batch });
  const [arg] = Object.keys(args);
  if (arg !== undefined) {
    throw new InputMismatchError(`'inferenceArgs' can't be sent in this endpoint's body: got '${arg.slice(0, 64)}'`);
  }
  switch (contentType) {
    case 'application/json':
      return json(batch);
    case 'application/jsonlines':
      return batch.map((element) => `${json(element)}\n`).join('');
    case 'text/csv':
      return batch.map((element) => `${csvRow(element)}\n`).join('');
  }
}

/**
 * Returns the results in a body, one for each of `count` elements.
 *
 * @param contentType - that of the answer, or else the requested one
 * @throws NotTheProtocolError
 */
export function decodeBody(bytes: Uint8Array, contentType: string, count: number): readonly unknown[] {
  const text = new TextDecoder().decode(bytes);
  const results = resultsIn(text, contentType, count);
  if (results.length === count) return results;
  throw new NotTheProtocolError(`${counted(results.length, 'prediction')} for ${counted(count, 'element')}`);
}

function resultsIn(text: string, contentType: string, count: number): readonly unknown[] {
  if (/jsonl|json-?lines|ndjson/i.test(contentType)) return linesOf(text).map(parsed);
  if (/csv|text\/plain/i.test(contentType)) return csvResults(linesOf(text), count);
  return jsonResults(parsed(text));
}

function jsonResults(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'object' && value !== null) {
    for (const field of ['predictions', 'outputs']) {
      const results: unknown = Object.hasOwn(value, field) ? value[field as keyof typeof value] : undefined;
      if (Array.isArray(results)) return results;
    }
  }
  throw new NotTheProtocolError("JSON that is neither an array nor an object with 'predictions'");
}

/** Returns the results of a CSV body. Old XGBoost containers answer with all scores in one line. */
function csvResults(lines: readonly string[], count: number): readonly unknown[] {
  const rows = lines.map(csvValues);
  const [first = []] = rows;
  if (rows.length === 1 && count > 1 && first.length === count) return first;
  return rows.map((row) => (row.length === 1 ? row[0] : row));
}

/** Blank lines are left out. Characters such as U+2028 and U+00A0 are text: JavaScript's `trim` and `\s` drop them. */
function linesOf(text: string): readonly string[] {
  return text.split(/\r?\n/).filter((line) => /[^ \t\r]/.test(line));
}

function parsed(text: string): unknown {
  const value = parseLenient(text);
  if (value === undefined) throw new NotTheProtocolError(text === '' ? 'nothing' : 'a body that is not JSON');
  return value;
}

/** @throws InputMismatchError if there is an infinity. */
function json(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => {
    // It would become null, which means a missing value.
    if (part === Infinity || part === -Infinity) throw new InputMismatchError('JSON cannot represent an infinity');
    // Typed arrays are arrays, not objects with a field for each index.
    return ArrayBuffer.isView(part) && !(part instanceof DataView)
      ? Array.from(part as unknown as ArrayLike<number>)
      : part;
  });
  // JSON.stringify returns undefined for `undefined` and functions; in an array they are null.
  return text ?? 'null';
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}
