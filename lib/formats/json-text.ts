import { isNestedTooDeeply } from '../elements/nesting.ts';
import { describeError } from '../errors.ts';
import type { ElementPacking, ReadElement } from './format.ts';
import { failedElement, failure, readElement, tooDeepElement } from './read-element.ts';

/** Returns the element of one JSON text, or its failure. */
export function parseJsonElement(text: string, position: number): ReadElement {
  // Checked before parsing: millions of levels take hundreds of megabytes.
  if (isNestedTooDeeply(text)) return tooDeepElement(position, text);
  try {
    return readElement(position, JSON.parse(text), text);
  } catch (error) {
    return failedElement(position, failure('JsonSyntaxError', syntaxMessage(error)), text);
  }
}

/** Packs an element of JSON as its own text. */
export const jsonPacking: ElementPacking = { pack: ({ raw }) => raw ?? '', unpack: parseJsonElement };

/** Returns V8's message without its quotes of the text: a payload is never in a message. */
function syntaxMessage(error: unknown): string {
  const { message } = describeError(error);
  const problem = /^(.*?)(?:, (?:\.{3})?"| in JSON at| \(line)/s.exec(message)?.[1] ?? 'it has a syntax error';
  const position = / at position (\d+)/.exec(message)?.[1];
  return `Not valid JSON: ${problem}${position === undefined ? '' : ` at character ${position}`}`;
}
