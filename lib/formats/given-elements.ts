import type { ErrorDescription } from '../errors.ts';
import { isNestedTooDeeply, jsonOf } from '../elements/nesting.ts';
import type { InputOptions, ReadElement } from './format.ts';
import { failedElement, failure, readElement, tooDeepElement, tooLargeElement } from './read-element.ts';

/** An element of a message, from any producer. */
export interface GivenElement {
  readonly read: ReadElement;
  /** Its own id, if it has one that can be shown. */
  readonly id: string | undefined;
  readonly key: string | undefined;
}

/** Reads a parsed JSON value as an element `{ id, key?, input }`; any other value is a failed element. */
export function readGivenElement(value: unknown, position: number, { maxElementBytes }: InputOptions): GivenElement {
  const { id, key, input } = fieldsOf(value);
  const problem = problemOf(value);
  const text = jsonOf(problem === undefined ? input : value);
  const shown = { id: label(id), key: label(key) };
  const bytes = Buffer.from(text);
  if (bytes.length > maxElementBytes) return { ...shown, read: tooLargeElement(position, bytes, maxElementBytes) };
  if (isNestedTooDeeply(text)) return { ...shown, read: tooDeepElement(position, text) };
  if (problem === undefined) return { ...shown, read: readElement(position, input, text) };
  return { ...shown, read: failedElement(position, failure('InvalidElement', problem), text) };
}

/** Returns the failed element of a value that must not be read. */
export function refusedGivenElement(value: unknown, position: number, refused: ErrorDescription): GivenElement {
  const { id, key } = fieldsOf(value);
  return { id: label(id), key: label(key), read: failedElement(position, refused, jsonOf(value)) };
}

interface Fields {
  readonly id?: unknown;
  readonly key?: unknown;
  readonly input?: unknown;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? value : {};
}

function problemOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'An element must be an object with id, input and perhaps key';
  const { id, key, input } = fieldsOf(value);
  if (label(id) === undefined) return "An element's id must be a non-empty string or a safe integer";
  if (key !== undefined && label(key) === undefined)
    return "An element's key must be a non-empty string or a safe integer";
  return input === undefined ? 'An element must have an input' : undefined;
}

function label(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}
