import { splitFields } from '../../formats/csv-fields.ts';
import { InputMismatchError } from '../../models/element-shape.ts';
import { NotTheProtocolError } from '../http/http-client.ts';

const NEEDS_QUOTES = /[",\r\n]/;

/**
 * Returns an element as a row of CSV (RFC 4180): the values of an array, or of an object in the order of its fields. A text
 * is already a row.
 *
 * @throws InputMismatchError if it can't be a row.
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

/** Returns the fields of a line, with numbers for numeric fields. @throws NotTheProtocolError */
export function csvValues(line: string): readonly (string | number)[] {
  const fields = splitFields(line, ',');
  if (typeof fields === 'string') throw new NotTheProtocolError('a row of CSV with misplaced quotes');
  return fields.map(valueOf);
}

function valueOf(text: string): string | number {
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}
