/**
 * Rule for reading missing values: `nan` reads them as NaN for float inputs and as `''` for string inputs; `fail` fails
 * their element.
 */
export type Missing = 'nan' | 'fail';

/** Words for a missing value, in lower case. Empty text is a missing value, too. */
const MISSING_WORDS: ReadonlySet<string> = new Set(['', 'nan', 'na', 'n/a', 'null']);
const LONGEST_WORD = 4;

/** Checks whether a value is a missing one: null, undefined, empty text, or NaN, NA, N/A, null as text in any case. */
export function isMissing(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === 'string' && isMissingText(value));
}

export function isMissingText(text: string): boolean {
  const word = text.trim();
  return word.length <= LONGEST_WORD && MISSING_WORDS.has(word.toLowerCase());
}

/** @throws TypeError if the option `missing` of a handler is neither of the two. */
export function checkMissing(missing: string | undefined, handler: string): void {
  if (missing === undefined || missing === 'nan' || missing === 'fail') return;
  throw new TypeError(`Cannot create ${handler} as 'missing' must be 'nan' or 'fail': current value is ${missing}`);
}
