import { endOfJsonString } from '../../formats/json-string.ts';
import { MAX_INTEGER_TEXT } from '../../models/number-parsing.ts';

/**
 * Parses the JSON that servers write, which may contain the bare `NaN`, `Infinity` and `-Infinity` of Python's json module.
 *
 * @returns undefined if it is not even that
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

/** Number that JSON can contain instead: NaN is `null`, and an infinity is too large for a double. */
const FORMS: Readonly<Record<string, string>> = { NaN: 'null', Infinity: '1e999', '-Infinity': '-1e999' };

/**
 * Replaces what is not a number outside of strings. Strings are skipped from quote to quote: a pattern that also matches
 * them takes quadratic time for one that does not end.
 */
function withoutNonNumbers(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let quote = text.indexOf('"'); quote !== -1; quote = text.indexOf('"', from)) {
    const end = endOfJsonString(text, quote + 1);
    parts.push(replaced(text.slice(from, quote)), text.slice(quote, end));
    from = end;
  }
  parts.push(replaced(text.slice(from)));
  return parts.join('');
}

function replaced(outside: string): string {
  return outside.replaceAll(/-?\bInfinity\b|\bNaN\b/g, (token) => FORMS[token] ?? token);
}

/** Parses once more, with integers past 2^53 as bigints: a double does not hold their last digits. */
export function parseExactly(text: string): unknown {
  // The third parameter is newer than the types of JSON.parse (ECMAScript 2026, JSON.parse source text access).
  return JSON.parse(withoutNonNumbers(text), reviveInteger as (key: string, value: unknown) => unknown);
}

function reviveInteger(_: string, value: unknown, { source = '' }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source.length > MAX_INTEGER_TEXT) return value;
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}
