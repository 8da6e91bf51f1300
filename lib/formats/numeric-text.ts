/** No two parts can match the same characters, so the time is linear in the text's length. */
const NUMERIC = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/** Checks whether a text is a finite number in decimal digits, with spaces around it or not. */
export function isNumericText(text: string): boolean {
  return NUMERIC.test(text);
}
