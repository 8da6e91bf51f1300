const BACKSLASH = 0x5c;

/**
 * Finds the end of a JSON string in a text: the index after its closing quote, or the text's length if it is not closed.
 *
 * The time is linear in the text's length, and no stack grows with it, as a pattern's would.
 *
 * @param from - index after the opening quote.
 */
export function endOfJsonString(text: string, from: number): number {
  let quote = text.indexOf('"', from);
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote === -1 ? text.length : quote + 1;
}

/** Checks whether an odd number of backslashes is before the quote. None of them is before another quote. */
export function isEscaped(text: string, quote: number): boolean {
  let start = quote;
  while (text.charCodeAt(start - 1) === BACKSLASH) start -= 1;
  return (quote - start) % 2 === 1;
}
