/**
 * Parses what servers write for JSON: also the bare `NaN`, `Infinity` and `-Infinity` of Python's json module.
 *
 * @returns undefined where it is not even that
 */
export function parseLenient(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    try {
      return JSON.parse(withoutNonNumbers(text));
    } catch {
      return undefined;
    }
  }
}

/** Outside of strings, NaN is `null`, and an infinity a number that is too large for a double. */
function withoutNonNumbers(text: string): string {
  const forms: Readonly<Record<string, string>> = { NaN: 'null', Infinity: '1e999', '-Infinity': '-1e999' };
  return text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\bInfinity\b|\bNaN\b/g, (token) => forms[token] ?? token);
}

/** Parses once more, with integers past 2^53 as bigints: a double does not hold their last digits. */
export function parseExactly(text: string): unknown {
  // The third parameter is newer than the types of JSON.parse (ECMAScript 2026, JSON.parse source text access).
  return JSON.parse(withoutNonNumbers(text), reviveInteger as (key: string, value: unknown) => unknown);
}

function reviveInteger(_: string, value: unknown, { source = '' }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}
