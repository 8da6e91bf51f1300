import type { OutcomeChunk } from '../../inference/bundle.ts';
import { ordinalOf, parseErrorsLine } from '../commit/errors-line.ts';

/** The outcomes of a bundle's elements as lines, each kind in input order. */
export interface OutcomeLists {
  readonly results: AsyncIterable<string>;
  /** Each names its element's place in the bundle. */
  readonly errors: AsyncIterable<string>;
}

export interface MergeInput {
  /** The elements of the bundle. */
  readonly total: number;
  readonly committed: OutcomeLists;
  /** Outcomes of the elements that ran again, and their places, ascending: all of them failures so far. */
  readonly redone: OutcomeLists & { readonly ordinals: readonly number[] };
}

/** Characters of lines that go out together. */
const CHUNK_CHARACTERS = 256 * 1024;

/**
 * Replaces old outcomes by new ones. The result is that of a run of the whole bundle in which the elements that did not
 * run again have their old outcomes. A line of results does not say its element's place: it is the next one that has no
 * line of errors. Memory holds a chunk and the places.
 *
 * @throws where the outcomes are not one for each element, as when a part and its errors are not of one commit.
 */
export async function* mergeOutcomes({ total, committed, redone }: MergeInput): AsyncGenerator<OutcomeChunk> {
  const { ordinals } = redone;
  const old = { results: new LineCursor(committed.results), errors: new ErrorsCursor(committed.errors) };
  const fresh = { results: new LineCursor(redone.results), errors: new ErrorsCursor(redone.errors) };
  const lines = new ChunkOfLines();
  try {
    let next = 0;
    for (let ordinal = 0; ordinal < total; ordinal += 1) {
      const before = await old.errors.failureAt(ordinal);
      const isRedone = ordinals[next] === ordinal;
      if (isRedone) next += 1;
      if (isRedone && before === undefined) throw mismatch(`element ${ordinal} ran again, and had not failed`);
      const source = isRedone ? fresh : old;
      const failure = isRedone ? await fresh.errors.failureAt(ordinal) : before;
      if (failure === undefined) lines.addResult(await source.results.lineAt(ordinal));
      else lines.addFailure(failure);
      if (lines.isFull) yield lines.drain();
    }
    const cursors = [old.results, old.errors, fresh.results, fresh.errors];
    if (next < ordinals.length || (await Promise.all(cursors.map((cursor) => cursor.isAtEnd()))).includes(false)) {
      throw mismatch(`there are more outcomes than its ${total} elements`);
    }
    if (!lines.isEmpty) yield lines.drain();
  } finally {
    await Promise.all([old.results, old.errors, fresh.results, fresh.errors].map((cursor) => cursor.close()));
  }
}

function mismatch(what: string): Error {
  return new Error(`the outcomes of a bundle don't fit together: ${what}`);
}

/** Lines one by one. */
class LineCursor {
  readonly #lines: AsyncIterator<string>;
  #next: string | undefined;
  #isOver = false;

  constructor(lines: AsyncIterable<string>) {
    this.#lines = lines[Symbol.asyncIterator]();
  }

  async lineAt(ordinal: number): Promise<string> {
    const line = await this.peek();
    if (line === undefined) throw mismatch(`element ${ordinal} has none`);
    this.skip();
    return line;
  }

  async isAtEnd(): Promise<boolean> {
    return (await this.peek()) === undefined;
  }

  async peek(): Promise<string | undefined> {
    if (this.#next !== undefined || this.#isOver) return this.#next;
    const { done = false, value } = await this.#lines.next();
    if (done) this.#isOver = true;
    else this.#next = value;
    return this.#next;
  }

  skip(): void {
    this.#next = undefined;
  }

  async close(): Promise<void> {
    await this.#lines.return?.();
  }
}

interface Failure {
  readonly line: string;
  readonly stage: string;
  readonly ordinal: number;
}

/** Lines of errors by their elements' places. */
class ErrorsCursor extends LineCursor {
  #failure: Failure | undefined;

  /** The failure of the element at a place, if that failed. Places are asked for in ascending order. */
  async failureAt(ordinal: number): Promise<Failure | undefined> {
    const line = await this.peek();
    if (line === undefined) return undefined;
    this.#failure ??= parsed(line);
    const failure = this.#failure;
    if (failure.ordinal < ordinal) throw mismatch(`element ${failure.ordinal} failed twice, or out of order`);
    if (failure.ordinal > ordinal) return undefined;
    this.#failure = undefined;
    this.skip();
    return failure;
  }
}

function parsed(line: string): Failure {
  const errorsLine = parseErrorsLine(line);
  return { line, stage: errorsLine.stage, ordinal: ordinalOf(errorsLine) };
}

class ChunkOfLines {
  readonly #encoder = new TextEncoder();
  #results: string[] = [];
  #errors: string[] = [];
  #failed: Record<string, number> = {};
  #characters = 0;

  get isFull(): boolean {
    return this.#characters >= CHUNK_CHARACTERS;
  }

  get isEmpty(): boolean {
    return this.#characters === 0;
  }

  addResult(line: string): void {
    this.#results.push(line, '\n');
    this.#characters += line.length + 1;
  }

  addFailure({ line, stage }: Failure): void {
    this.#errors.push(line, '\n');
    this.#failed[stage] = (this.#failed[stage] ?? 0) + 1;
    this.#characters += line.length + 1;
  }

  drain(): OutcomeChunk {
    const succeeded = this.#results.length / 2;
    const chunk: OutcomeChunk = {
      results: this.#encoder.encode(this.#results.join('')),
      errors: this.#encoder.encode(this.#errors.join('')),
      elements: succeeded + this.#errors.length / 2,
      succeeded,
      failed: this.#failed,
      // Known of the parts that the lines are of, not of lines.
      models: {},
    };
    this.#results = [];
    this.#errors = [];
    this.#failed = {};
    this.#characters = 0;
    return chunk;
  }
}
