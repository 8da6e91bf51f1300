import { InputMismatchError, isRecord } from '../element-shape.ts';
import { typeName } from '../misfit-message.ts';
import type { TextInput } from './text-tokenizer.ts';

/** Maximum number of an element's fields that a message names. */
const MAX_NAMED = 8;

/**
 * Reads an element of a task on texts: a text, or `{ text, text_pair }`. Other fields are ignored.
 *
 * @throws InputMismatchError if it is not one of these
 */
export function readText(element: unknown): TextInput {
  if (typeof element === 'string') return { text: element };
  if (!isRecord(element)) throw new InputMismatchError(`an element must be a text: got ${typeName(element)}`);
  if (element['bytes'] instanceof Uint8Array) {
    throw new InputMismatchError('an element must be a text: got the bytes of a file, such as an image');
  }
  const { text, text_pair: given, textPair = given } = element;
  if (text === undefined) throw new InputMismatchError(missingText(element));
  if (typeof text !== 'string') throw new InputMismatchError(`'text' must be a text: got ${typeName(text)}`);
  if (textPair === undefined) return { text };
  if (typeof textPair === 'string') return { text, pair: textPair };
  throw new InputMismatchError(`'text_pair' must be a text, or left out: got ${typeName(textPair)}`);
}

/** Reads an element of a task on single texts. @throws InputMismatchError if it is not a text, or a pair */
export function readSingleText(element: unknown): string {
  const { text, pair } = readText(element);
  if (pair === undefined) return text;
  throw new InputMismatchError("an element must be one text for this task: got a pair with 'text_pair'");
}

function missingText(element: object): string {
  const has = Object.keys(element).slice(0, MAX_NAMED).join(', ');
  return `an element must be a text or have the field 'text': its fields are [${has}]; 'inputs' can name another field`;
}
