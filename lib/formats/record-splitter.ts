import { endOfLine, type Piece, type RecordRun, type RecordScanner } from './records.ts';

/** A run is decoded at once, so it is kept small enough to stay in the processor's cache. */
const RUN_RECORDS = 256;
const RUN_BYTES = 256 * 1024;
/** Chunks are taken in pieces of this size at most, which bounds what a record that does not end can hold. */
const PIECE_BYTES = 1024 * 1024;
/** A record may have a line ending beside its maxElementBytes. */
const LINE_ENDING_BYTES = 2;

/** Splits bytes into records. Memory is bounded: a record past `maxElementBytes` is let go as it comes. */
export async function* splitRecords(
  pieces: AsyncIterable<Piece>,
  scanner: RecordScanner,
  maxElementBytes: number,
): AsyncGenerator<RecordRun> {
  let splitter: RecordSplitter | undefined;
  for await (const { position, bytes } of pieces) {
    splitter ??= new RecordSplitter(scanner, maxElementBytes, position);
    yield* splitter.push(bytes);
  }
  if (splitter !== undefined) yield* splitter.end();
}

/**
 * Puts the ends of as many records as make a run into `ends`. Gives where the next one starts, or the end of one
 * that follows them and is longer than the limit; -1 where what follows them does not end in these bytes.
 */
function collectEnds(scanner: RecordScanner, bytes: Buffer, limit: number, ends: number[]): number {
  let from = 0;
  while (from < bytes.length) {
    const end = scanner.next(bytes, from);
    if (end === -1) return -1;
    if (end - from > limit) return end;
    ends.push(end);
    from = end;
    if (ends.length === RUN_RECORDS || from >= RUN_BYTES) return from;
  }
  return -1;
}

/**
 * Between chunks it is in one of three states: at the start of a record (nothing held), in a record (its bytes so far
 * held), or in the rest of one that was too large (skipping). Where the scanner can `restart`, a record that is longer
 * than the limit or has no end fails as its first line, and the next line starts a record. What comes out depends on the
 * bytes alone, never on the chunks, so that planning and reading agree.
 */
class RecordSplitter {
  readonly #scanner: RecordScanner;
  readonly #limit: number;
  /** Bytes that are still to be looked at; the last comes first. */
  readonly #todo: Buffer[] = [];
  /** Of the first byte that is in no run yet. */
  #position: number;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Whether the record that is held is whole, which it is only until it is given up. */
  #heldEnd = false;
  #skipping = false;

  constructor(scanner: RecordScanner, maxElementBytes: number, position: number) {
    this.#scanner = scanner;
    this.#limit = maxElementBytes + LINE_ENDING_BYTES;
    this.#position = position;
  }

  *push(chunk: Buffer): Generator<RecordRun> {
    for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
      this.#todo.push(chunk.subarray(from, from + PIECE_BYTES));
      yield* this.#work();
    }
  }

  *end(): Generator<RecordRun> {
    while (this.#heldBytes > 0) {
      const run = this.#last();
      if (run !== undefined) yield run;
      yield* this.#work();
    }
  }

  *#work(): Generator<RecordRun> {
    for (;;) {
      if (this.#heldBytes > this.#limit) {
        yield this.#giveUp();
        continue;
      }
      const bytes = this.#todo.pop();
      if (bytes === undefined) return;
      if (bytes.length === 0) continue;
      const run = this.#skipping ? this.#skip(bytes) : this.#heldBytes > 0 ? this.#goOn(bytes) : this.#start(bytes);
      if (run !== undefined) yield run;
    }
  }

  /** At the start of a record: takes as many whole ones as make a run. */
  #start(bytes: Buffer): RecordRun | undefined {
    const ends: number[] = [];
    const next = collectEnds(this.#scanner, bytes, this.#limit, ends);
    const from = ends.at(-1) ?? 0;
    if (next === -1) this.#holdUnended(bytes.subarray(from));
    else {
      this.#todo.push(bytes.subarray(next));
      this.#hold(bytes.subarray(from, next), true);
    }
    return from === 0 ? undefined : this.#records(bytes.subarray(0, from), ends);
  }

  #goOn(bytes: Buffer): RecordRun | undefined {
    const end = this.#scanner.next(bytes, 0);
    if (end === -1) {
      this.#holdUnended(bytes);
      return undefined;
    }
    this.#todo.push(bytes.subarray(end));
    this.#hold(bytes.subarray(0, end), true);
    if (this.#heldBytes > this.#limit) return undefined;
    const record = this.#release();
    return this.#records(record, [record.length]);
  }

  #skip(bytes: Buffer): RecordRun {
    const end = this.#scanner.restart === undefined ? this.#scanner.next(bytes, 0) : endOfLine(bytes, 0);
    this.#skipping = end === -1;
    const rest = end === -1 ? bytes : bytes.subarray(0, end);
    this.#todo.push(bytes.subarray(rest.length));
    return { kind: 'rest', position: this.#advance(rest), bytes: rest };
  }

  /** The record that is held is too large, whether or not its end is known. */
  #giveUp(): RecordRun {
    const ended = this.#heldEnd;
    const bytes = this.#release();
    const line = this.#scanner.restart === undefined ? -1 : endOfLine(bytes, 0);
    this.#scanner.restart?.();
    if (line === -1) {
      this.#skipping = !ended;
      return this.#failed(bytes, 'tooLarge');
    }
    this.#todo.push(bytes.subarray(line));
    return this.#failed(bytes.subarray(0, line), line > this.#limit ? 'tooLarge' : 'unclosed');
  }

  /** What is held when there are no more bytes. */
  #last(): RecordRun | undefined {
    const rest = this.#release();
    const kind = this.#scanner.atEnd(rest);
    if (kind === 'nothing') return undefined;
    if (kind === 'record') return this.#records(rest, [rest.length]);
    const line = this.#scanner.restart === undefined ? -1 : endOfLine(rest, 0);
    this.#scanner.restart?.();
    if (line === -1) return this.#failed(rest, 'unclosed');
    this.#todo.push(rest.subarray(line));
    return this.#failed(rest.subarray(0, line), 'unclosed');
  }

  #holdUnended(bytes: Buffer): void {
    if (this.#scanner.done === true) this.#release();
    else this.#hold(bytes, false);
  }

  #hold(bytes: Buffer, ended: boolean): void {
    if (bytes.length === 0) return;
    this.#heldEnd = ended;
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #release(): Buffer {
    const [first] = this.#held;
    const bytes = this.#held.length === 1 && first !== undefined ? first : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return bytes;
  }

  #records(bytes: Buffer, ends: readonly number[]): RecordRun {
    return { kind: 'records', position: this.#advance(bytes), bytes, ends };
  }

  #failed(bytes: Buffer, reason: 'tooLarge' | 'unclosed'): RecordRun {
    return { kind: 'failed', position: this.#advance(bytes), bytes, reason };
  }

  #advance(bytes: Buffer): number {
    const position = this.#position;
    this.#position += bytes.length;
    return position;
  }
}
