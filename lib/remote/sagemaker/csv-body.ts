import { splitFields } from '../../formats/csv-fields.ts';
import { InputMismatchError } from '../../models/element-shape.ts';
import { NotTheProtocolError } from '../http/http-client.ts';

const NEEDS_QUOTES = /[",\r\n]/;

/**
 * An element as a row of CSV (RFC 4180): the values of an array, or of an object in the order of its fields; text is a row
 * as it is.
 *
 * @throws InputMismatchError where it can't be one.
 */
export function csvRow(element: unknown): string {
  if (typeof element === 'string') {
    if (/[\r\n]/.test(element)) throw new InputMismatchError('a row of CSV must be one line: got a line break');
    return element;
  }
  if (typeof element !== 'object' || element === null) return csvField(element);
  // Object.values of a typed array are its numbers, too.
  return Object.values(element).map(csvField).join(',');
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return `${value}`;
  if (typeof value !== 'string') {
    throw new InputMismatchError(`a field of CSV must be text, a number or a boolean: got ${typeof value}`);
  }
  return NEEDS_QUOTES.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** The fields of a line; one that is wholly a number is that number. @throws NotTheProtocolError */
export function csvValues(line: string): readonly (string | number)[] {
  const fields = splitFields(line, ',');
  if (typeof fields === 'string') throw new NotTheProtocolError('a row of CSV whose quotes do not make fields');
  return fields.map(valueOf);
}

function valueOf(text: string): string | number {
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}
