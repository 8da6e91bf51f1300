import type { ReadOptions } from './format.ts';
import { trimSpaceStart } from './record-text.ts';
import {
  LINE_ENDING_BYTES,
  type OpenSplitter,
  type Piece,
  type RecordRun,
  type RecordScanner,
  RUN_BYTES,
  RUN_RECORDS,
  type Splitter,
} from './records.ts';
import { Turns } from './turns.ts';

/** Maximum bytes of a chunk that are split at once, which bounds the memory of a record without an end. */
const PIECE_BYTES = 1024 * 1024;

export interface SplitOptions extends ReadOptions {
  readonly maxElementBytes: number;
}

/**
 * Splits bytes into records. Memory is bounded: a record larger than `maxElementBytes` is not kept.
 *
 * Every few MiB, counting the caller's work on the records too, it lets other tasks run, and throws the signal's reason if
 * it was aborted.
 */
export async function* splitRecords(
  pieces: AsyncIterable<Piece>,
  open: OpenSplitter,
  { maxElementBytes, signal }: SplitOptions,
): AsyncGenerator<RecordRun> {
  const turns = new Turns(signal === undefined ? {} : { signal });
  let splitter: Splitter | undefined;
  for await (const { position, bytes } of pieces) {
    splitter ??= open(maxElementBytes, position);
    yield* withTurns(pushed(splitter, bytes), turns);
  }
  if (splitter !== undefined) yield* withTurns(splitter.end(), turns);
}

async function* withTurns(runs: Iterable<RecordRun>, turns: Turns): AsyncGenerator<RecordRun> {
  for (const run of runs) {
    yield run;
    const turn = turns.after(run.bytes.length, run.kind === 'records' ? run.ends.length : 1);
    if (turn !== undefined) await turn;
  }
}

function* pushed(splitter: Splitter, bytes: Buffer): Generator<RecordRun> {
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    yield* splitter.push(bytes.subarray(from, from + PIECE_BYTES));
  }
}

/** Splits at the ends of records that a scanner finds. */
export function scannedBy(scanner: RecordScanner): OpenSplitter {
  return (maxElementBytes, position) => new ScanningSplitter(scanner, maxElementBytes, position);
}

/**
 * Between chunks it is in one of three states: at the start of a record (no bytes held), in a record (its bytes so far
 * held), or in the rest of a record that was too large (skipping).
 */
class ScanningSplitter implements Splitter {
  readonly #scanner: RecordScanner;
  readonly #limit: number;
  /** Bytes that are not split yet; the last element comes first. */
  readonly #todo: Buffer[] = [];
  /** Offset of the first byte that is in no run yet. */
  #position: number;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** True if the held record is complete, although it is too large; it is given up next. */
  #heldEnd = false;
  #skipping = false;
  /** True while it omits the whitespace before a record: all of it or nothing, so that the chunks don't matter. */
  #isInSpace = false;

  constructor(scanner: RecordScanner, maxElementBytes: number, position: number) {
    this.#scanner = scanner;
    this.#limit = maxElementBytes + LINE_ENDING_BYTES;
    this.#position = position;
  }

  *push(bytes: Buffer): Generator<RecordRun> {
    this.#todo.push(bytes);
    yield* this.#work();
  }

  *end(): Generator<RecordRun> {
    if (this.#heldBytes === 0) return;
    const run = this.#last();
    if (run !== undefined) yield run;
  }

  *#work(): Generator<RecordRun> {
    for (;;) {
      if (this.#heldBytes > this.#limit) {
        yield this.#space() ?? this.#giveUp();
        continue;
      }
      if (this.#heldEnd && this.#heldBytes > 0) {
        yield this.#record();
        continue;
      }
      if (this.#isInSpace) {
        const space = this.#moreSpace();
        if (space !== undefined) yield space;
      }
      const bytes = this.#todo.pop();
      if (bytes === undefined) return;
      if (bytes.length === 0) continue;
      const run = this.#skipping ? this.#skip(bytes) : this.#heldBytes > 0 ? this.#goOn(bytes) : this.#start(bytes);
      if (run !== undefined) yield run;
    }
  }

  /** Makes a run of the complete records at the start of the bytes. */
  #start(bytes: Buffer): RecordRun | undefined {
    const ends: number[] = [];
    const next = this.#collectEnds(bytes, ends);
    const from = ends.at(-1) ?? 0;
    if (next === -1) this.#holdUnended(bytes.subarray(from));
    else {
      this.#todo.push(bytes.subarray(next));
      this.#hold(bytes.subarray(from, next), true);
    }
    return from === 0 ? undefined : this.#records(bytes.subarray(0, from), ends);
  }

  /**
   * Adds the ends of records to `ends` until they fill a run. Returns the start of the next record, or the end of a next
   * record that is longer than the limit; -1 if the next record does not end in these bytes.
   */
  #collectEnds(bytes: Buffer, ends: number[]): number {
    const scanner = this.#scanner;
    const limit = this.#limit;
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

  #goOn(bytes: Buffer): RecordRun | undefined {
    const end = this.#scanner.next(bytes, 0);
    if (end === -1) {
      this.#holdUnended(bytes);
      return undefined;
    }
    this.#todo.push(bytes.subarray(end));
    this.#hold(bytes.subarray(0, end), true);
    return this.#heldBytes > this.#limit ? undefined : this.#record();
  }

  #record(): RecordRun {
    const record = this.#release();
    return this.#records(record, [record.length]);
  }

  #skip(bytes: Buffer): RecordRun {
    const end = this.#scanner.next(bytes, 0);
    this.#skipping = end === -1;
    const rest = end === -1 ? bytes : bytes.subarray(0, end);
    this.#todo.push(bytes.subarray(rest.length));
    return this.#rest(rest);
  }

  /** Releases the whitespace before the record that is held, if the record does not include it. */
  #space(): RecordRun | undefined {
    if (this.#scanner.ignoresSpace !== true) return undefined;
    const held = this.#release();
    const start = trimSpaceStart(held, 0, held.length);
    this.#hold(held.subarray(start), this.#heldEnd);
    this.#isInSpace = this.#heldBytes === 0;
    return start === 0 ? undefined : this.#rest(held.subarray(0, start));
  }

  #moreSpace(): RecordRun | undefined {
    const bytes = this.#todo.pop();
    if (bytes === undefined) return undefined;
    const start = trimSpaceStart(bytes, 0, bytes.length);
    this.#todo.push(bytes.subarray(start));
    this.#isInSpace = start === bytes.length;
    return start === 0 ? undefined : this.#rest(bytes.subarray(0, start));
  }

  /** Fails the held record because it is too large, even if its end is not known. */
  #giveUp(): RecordRun {
    this.#skipping = !this.#heldEnd;
    return this.#failed(this.#release(), 'tooLarge');
  }

  /** Returns the run of the bytes that are held at the end of the object. */
  #last(): RecordRun | undefined {
    const rest = this.#release();
    const kind = this.#scanner.atEnd(rest);
    if (kind === 'nothing') return undefined;
    return kind === 'record' ? this.#records(rest, [rest.length]) : this.#failed(rest, 'unclosed');
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

  #rest(bytes: Buffer): RecordRun {
    return { kind: 'rest', position: this.#advance(bytes), bytes };
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
