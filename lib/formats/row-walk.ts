import { LINE_FEED } from './records.ts';

const QUOTE = 0x22;
const CARRIAGE_RETURN = 0x0d;

/**
 * Where in a row a walk stands:
 *
 * - `FIELD_START`, `UNQUOTED`, `QUOTED`: at the start of a field, in an unquoted one, in a quoted one.
 * - `QUOTE_IN_QUOTED`: behind a quote in a quoted field. A second one makes it a quote of the field's text, else the field
 *   was closed.
 * - `CLOSED_THEN_RETURN`: behind a closed field and a carriage return, which only a line feed may follow.
 * - `ROW_END`: behind the line feed that ends the row. `STRAY`: at text behind a closing quote. Here a walk ends.
 */
export const FIELD_START = 0;
export const UNQUOTED = 1;
export const QUOTED = 2;
export const QUOTE_IN_QUOTED = 3;
export const CLOSED_THEN_RETURN = 4;
export const ROW_END = 5;
export const STRAY = 6;

/** A place in some bytes, and what a row is there. */
export interface RowPlace {
  index: number;
  state: number;
}

/** Goes on in a row up to `end`, or to where its walk ends. */
export function walkRow(bytes: Buffer, place: RowPlace, end: number, delimiter: number): void {
  let { index, state } = place;
  while (index < end && state < ROW_END) {
    if (state === QUOTED) {
      while (index < end && bytes[index] !== QUOTE) index += 1;
      if (index === end) break;
      state = QUOTE_IN_QUOTED;
      index += 1;
    } else if (state <= UNQUOTED) {
      const start = index;
      index = quoteOrLineFeed(bytes, index, end);
      if (index > start) state = bytes[index - 1] === delimiter ? FIELD_START : UNQUOTED;
      if (index === end) break;
      if (bytes[index] === LINE_FEED) state = ROW_END;
      else if (state === FIELD_START) state = QUOTED;
      index += 1;
    } else {
      state = behindQuote(bytes[index] ?? 0, state, delimiter);
      if (state !== STRAY) index += 1;
    }
  }
  place.index = index;
  place.state = state;
}

function behindQuote(byte: number, state: number, delimiter: number): number {
  if (byte === LINE_FEED) return ROW_END;
  if (state === CLOSED_THEN_RETURN) return STRAY;
  if (byte === delimiter) return FIELD_START;
  if (byte === QUOTE) return QUOTED;
  return byte === CARRIAGE_RETURN ? CLOSED_THEN_RETURN : STRAY;
}

function quoteOrLineFeed(bytes: Buffer, from: number, end: number): number {
  let index = from;
  for (; index < end; index += 1) {
    const byte = bytes[index];
    if (byte === QUOTE || byte === LINE_FEED) break;
  }
  return index;
}
