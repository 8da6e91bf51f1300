import { LINE_FEED } from './records.ts';

const QUOTE = 0x22;
const CARRIAGE_RETURN = 0x0d;

/**
 * State of a walk through a row:
 *
 * - `FIELD_START`, `UNQUOTED`, `QUOTED`: at the start of a field, in an unquoted one, in a quoted one.
 * - `QUOTE_IN_QUOTED`: after a quote in a quoted field. If a second one follows, it is a quote of the field's text;
 *   otherwise the field was closed.
 * - `CLOSED_THEN_RETURN`: after a closed field and a carriage return. Only a line feed can follow.
 * - `ROW_END`: after the line feed that ends the row. `STRAY`: at text after a closing quote. A walk ends at these two.
 */
export const FIELD_START = 0;
export const UNQUOTED = 1;
export const QUOTED = 2;
export const QUOTE_IN_QUOTED = 3;
export const CLOSED_THEN_RETURN = 4;
export const ROW_END = 5;
export const STRAY = 6;

/** A place in some bytes, and the state of the row there. */
export interface RowPlace {
  index: number;
  state: number;
  /** The byte between fields. */
  readonly delimiter: number;
}

/** Continues the walk through a row up to `end`, or to where it ends. */
export function walkRow(bytes: Buffer, place: RowPlace, end: number): void {
  const { delimiter } = place;
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
