import { MAX_NESTING } from '../elements/nesting.ts';
import type { ErrorDescription } from '../errors.ts';
import type { ReadElement } from './format.ts';

/** Stable names of the failures of an element itself. */
export type ReadFailureName =
  | 'ColumnCountMismatch'
  | 'ElementTooDeep'
  | 'ElementTooLarge'
  | 'ImageDecodeError'
  | 'ImageTooLarge'
  | 'InvalidElement'
  | 'InvalidUtf8'
  | 'JsonSyntaxError'
  | 'ParquetPageError'
  | 'StrayQuote'
  | 'UnclosedQuote';

/** Content type of an object whose content was not examined. */
export const UNKNOWN_CONTENT_TYPE = 'application/octet-stream';
/** Characters of a too large element that its failure shows. */
const RAW_CHARACTERS = 1024;
/** Bytes that have at least that number of characters in any text. */
const RAW_BYTES = 4 * RAW_CHARACTERS;

// Every ReadElement is made here, with the same fields in the same order, so that all share one hidden class.

export function readElement(position: number, input: unknown, raw?: string): ReadElement {
  return { position, input, raw, failure: undefined };
}

export function failedElement(position: number, failure: ErrorDescription, raw?: string): ReadElement {
  return { position, input: undefined, raw, failure };
}

/** Makes the failed element of an object; its `input` names the object, without its bytes. */
export function failedObject(position: number, failure: ErrorDescription, uri: string): ReadElement {
  return { position, input: { uri, contentType: UNKNOWN_CONTENT_TYPE }, raw: undefined, failure };
}

export function failure(name: ReadFailureName, message: string): ErrorDescription {
  return { name, message };
}

/** @param bytes - of the element, or only its first. At most `maxElementBytes` are shown, which every reader has, however small its chunks. */
export function tooLargeElement(position: number, bytes: Uint8Array, maxElementBytes: number): ReadElement {
  const head = bytes.subarray(0, Math.min(RAW_BYTES, maxElementBytes));
  // Decoded as a stream, which omits a character that is cut at the end.
  const text = new TextDecoder().decode(head, { stream: true }).slice(0, RAW_CHARACTERS);
  return failedElement(position, tooLarge(maxElementBytes), text.isWellFormed() ? text : text.slice(0, -1));
}

export function tooLarge(maxElementBytes: number): ErrorDescription {
  return failure('ElementTooLarge', `The element is larger than maxElementBytes, ${maxElementBytes} bytes`);
}

export function tooDeepElement(position: number, text: string): ReadElement {
  const message = `The element nests arrays and objects deeper than ${MAX_NESTING} levels, the maximum`;
  return failedElement(position, failure('ElementTooDeep', message), text);
}

export function invalidUtf8Element(position: number, bytes: Buffer): ReadElement {
  return failedElement(position, failure('InvalidUtf8', 'The text is not valid UTF-8'), bytes.toString('utf8'));
}
