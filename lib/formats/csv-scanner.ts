import { LINE_FEED, type RecordScanner } from './records.ts';

const QUOTE = 0x22;

/** Where in a row the scanner is. */
const FIELD_START = 0;
const UNQUOTED = 1;
const QUOTED = 2;
/** Behind a quote in a quoted field: a second one makes it a quote of the field's own, else the field was closed. */
const QUOTE_IN_QUOTED = 3;

/**
 * Finds the ends of rows by RFC 4180: a line feed ends a row unless it stands in a quoted field. Only a quote at the
 * start of a field opens one; any other is a character like any other.
 *
 * @param delimiter the byte between fields.
 */
export function csvScanner(delimiter: number): RecordScanner {
  let state = FIELD_START;
  let scanned: Buffer | undefined;
  let nextQuote = 0;

  /** The first quote at or after `from`; the one that was found last is remembered. */
  function quoteFrom(bytes: Buffer, from: number): number {
    if (bytes !== scanned || nextQuote < from) {
      scanned = bytes;
      const found = bytes.indexOf(QUOTE, from);
      nextQuote = found === -1 ? Infinity : found;
    }
    return nextQuote;
  }

  function walk(bytes: Buffer, from: number): number {
    const { length } = bytes;
    let now = state;
    for (let index = from; index < length; index++) {
      if (now === QUOTED) {
        index = quoteAt(bytes, index);
        if (index < length) now = QUOTE_IN_QUOTED;
        continue;
      }
      // Only quotes and line feeds matter, and where a quote stands: a field's text is passed over.
      const start = index;
      index = quoteOrLineFeedAt(bytes, index);
      if (index > start) now = bytes[index - 1] === delimiter ? FIELD_START : UNQUOTED;
      if (index === length) break;
      if (bytes[index] === LINE_FEED) {
        state = FIELD_START;
        return index + 1;
      }
      if (now !== UNQUOTED) now = QUOTED;
    }
    state = now;
    return -1;
  }

  return {
    next(bytes, from) {
      if (state === FIELD_START || state === UNQUOTED) {
        const lineFeed = bytes.indexOf(LINE_FEED, from);
        if (lineFeed !== -1 && lineFeed < quoteFrom(bytes, from)) {
          state = FIELD_START;
          return lineFeed + 1;
        }
      }
      return walk(bytes, from);
    },
    atEnd: () => (state === QUOTED ? 'unclosed' : 'record'),
    restart() {
      state = FIELD_START;
    },
  };
}

function quoteAt(bytes: Buffer, from: number): number {
  let index = from;
  while (index < bytes.length && bytes[index] !== QUOTE) index++;
  return index;
}

function quoteOrLineFeedAt(bytes: Buffer, from: number): number {
  let index = from;
  for (; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === QUOTE || byte === LINE_FEED) break;
  }
  return index;
}
