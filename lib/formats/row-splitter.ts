import {
  endOfLine,
  LINE_ENDING_BYTES,
  type OpenSplitter,
  type Piece,
  type RecordRun,
  RUN_BYTES,
  RUN_RECORDS,
  type Splitter,
} from './records.ts';
import { CLOSED_THEN_RETURN, FIELD_START, QUOTED, ROW_END, type RowPlace, STRAY, walkRow } from './row-walk.ts';
import { WaitingBytes } from './waiting-bytes.ts';

const QUOTE = 0x22;
/** Result if more bytes are needed to find the end of a row. */
const UNKNOWN = 0;

/** Splits CSV into rows. @param delimiter - the byte between fields. */
export function rowSplitter(delimiter: number): OpenSplitter {
  return (maxElementBytes, position) => new RowSplitter(delimiter, maxElementBytes, position);
}

/**
 * Splits CSV (RFC 4180) into rows: a line feed ends a row unless it is in a quoted field. A row whose quotes are wrong
 * fails as its first line: a field is not closed, text follows its closing quote, or the row is longer than the limit.
 * The next line then starts a row.
 *
 * Invariant: each byte is walked over at most twice. A row is walked to the end of its first line. If it continues in a
 * quoted field, one walk from there serves all rows that are in a quoted field at a line which that walk has passed:
 * from there on they are the same.
 */
class RowSplitter implements Splitter {
  readonly #limit: number;
  readonly #waiting = new WaitingBytes();
  /** Offset of the first waiting byte in the object. Other places are relative to that byte. */
  #position: number;
  /** Place in the first line of a row, and the end of that line; 0 if it is not known yet. */
  readonly #first: RowPlace;
  #lineEnd = 0;
  /** Place after the first line of a row that was in a quoted field at the line that starts at `#quotedFrom`. */
  readonly #quoted: RowPlace;
  #quotedFrom = 0;
  /** True if the first waiting row was walked as far as its bytes go. */
  #isWalked = false;
  /** The first quote after the start of the last row; Infinity if no waiting byte is a quote. */
  #nextQuote = -1;
  /** True while it skips the rest of a line that is too large. */
  #isSkipping = false;

  constructor(delimiter: number, maxElementBytes: number, position: number) {
    this.#first = { index: 0, state: FIELD_START, delimiter };
    this.#quoted = { index: 0, state: ROW_END, delimiter };
    this.#limit = maxElementBytes + LINE_ENDING_BYTES;
    this.#position = position;
  }

  *push(bytes: Buffer): Generator<RecordRun> {
    this.#waiting.append(bytes);
    if (this.#nextQuote === Infinity) this.#nextQuote = -1;
    yield* this.#split(false);
  }

  *end(): Generator<RecordRun> {
    yield* this.#split(true);
  }

  *#split(isEnd: boolean): Generator<RecordRun> {
    while (this.#waiting.bytes.length > 0) {
      if (this.#isSkipping) {
        yield this.#rest();
        continue;
      }
      const ends: number[] = [];
      const last = this.#collectEnds(ends, isEnd);
      const whole = ends.at(-1) ?? 0;
      if (whole > 0) yield { kind: 'records', ...this.#shift(whole), ends };
      if (last === UNKNOWN) return;
      if (last < 0) yield this.#failed(-last - whole);
    }
  }

  /** Adds the ends of rows to `ends` until they fill a run, and returns the result for the last row. */
  #collectEnds(ends: number[], isEnd: boolean): number {
    const { length } = this.#waiting.bytes;
    let from = 0;
    while (from < length && from < RUN_BYTES && ends.length < RUN_RECORDS) {
      const end = this.#rowEnd(from, isEnd);
      if (end <= 0) return end;
      ends.push(end);
      from = end;
    }
    return from;
  }

  /** Finds the end of the row at `from`; if the row fails, the negative of the failed part's end; or UNKNOWN. */
  #rowEnd(from: number, isEnd: boolean): number {
    const { bytes } = this.#waiting;
    if (!this.#isWalked) {
      this.#lineEnd = Math.max(0, endOfLine(bytes, from));
      if (this.#lineEnd > 0 && this.#lineEnd <= this.#quoteFrom(from)) return this.#withinLimit(from, this.#lineEnd);
      this.#first.index = from;
      this.#first.state = FIELD_START;
    } else if (this.#lineEnd === 0) this.#lineEnd = Math.max(0, endOfLine(bytes, this.#first.index));
    const end = this.#lineEnd === 0 ? this.#endWithoutLine(from, isEnd) : this.#endWithLine(from, isEnd);
    this.#isWalked = end === UNKNOWN;
    return end;
  }

  /** Finds the end of a row whose first line has no end yet. */
  #endWithoutLine(from: number, isEnd: boolean): number {
    const { bytes } = this.#waiting;
    walkRow(bytes, this.#first, bytes.length);
    if (bytes.length - from > this.#limit) {
      this.#isSkipping = true;
      return -bytes.length;
    }
    if (!isEnd) return UNKNOWN;
    return this.#first.state === QUOTED ? -bytes.length : bytes.length;
  }

  #endWithLine(from: number, isEnd: boolean): number {
    const { bytes } = this.#waiting;
    walkRow(bytes, this.#first, this.#lineEnd);
    // A line with text after a closing quote is a row that can't be parsed.
    if (this.#first.state !== QUOTED) return this.#withinLimit(from, this.#lineEnd);
    const quoted = this.#walkQuoted();
    if (quoted.state === STRAY) return -this.#lineEnd;
    if (quoted.state === ROW_END) return quoted.index - from > this.#limit ? -this.#lineEnd : quoted.index;
    if (bytes.length - from > this.#limit) return -this.#lineEnd;
    if (!isEnd) return UNKNOWN;
    return quoted.state === QUOTED || quoted.state === CLOSED_THEN_RETURN ? -this.#lineEnd : bytes.length;
  }

  /** Continues the walk from the first line's end in a quoted field, or from the last place that is known. */
  #walkQuoted(): RowPlace {
    const { index, state } = this.#quoted;
    const isPassed = this.#lineEnd < index || (this.#lineEnd === index && state === QUOTED);
    if (!isPassed || this.#lineEnd < this.#quotedFrom) {
      this.#quotedFrom = this.#lineEnd;
      this.#quoted.index = this.#lineEnd;
      this.#quoted.state = QUOTED;
    }
    const { bytes } = this.#waiting;
    walkRow(bytes, this.#quoted, bytes.length);
    return this.#quoted;
  }

  #withinLimit(from: number, end: number): number {
    return end - from > this.#limit ? -end : end;
  }

  #quoteFrom(from: number): number {
    if (this.#nextQuote < from) {
      const found = this.#waiting.bytes.indexOf(QUOTE, from);
      this.#nextQuote = found === -1 ? Infinity : found;
    }
    return this.#nextQuote;
  }

  #failed(byteLength: number): RecordRun {
    const reason = byteLength > this.#limit ? 'tooLarge' : 'unclosed';
    return { kind: 'failed', ...this.#shift(byteLength), reason };
  }

  #rest(): RecordRun {
    const end = endOfLine(this.#waiting.bytes, 0);
    this.#isSkipping = end === -1;
    return { kind: 'rest', ...this.#shift(end === -1 ? this.#waiting.bytes.length : end) };
  }

  /** Removes and returns the first waiting bytes. */
  #shift(byteLength: number): Piece {
    const position = this.#position;
    this.#position += byteLength;
    this.#lineEnd = Math.max(0, this.#lineEnd - byteLength);
    this.#first.index -= byteLength;
    this.#quoted.index -= byteLength;
    this.#quotedFrom -= byteLength;
    this.#nextQuote -= byteLength;
    return { position, bytes: this.#waiting.shift(byteLength) };
  }
}
