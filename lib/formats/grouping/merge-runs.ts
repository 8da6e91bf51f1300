import type { ReadOptions } from '../format.ts';
import { recordBytes, type RecordKey } from './grouped-record.ts';
import { type PackedPiece, PiecePacker } from './piece-packer.ts';
import { compareKeys } from './run-builder.ts';
import { type OpenPiece, RunReader, type SortedRun } from './run-reader.ts';

export interface MergeRunsOptions extends ReadOptions {
  readonly open: OpenPiece;
  readonly readBytes: number;
  readonly pieceBytes: number;
  /** The cursor of the last piece that was written, to continue after it. @default the runs' starts */
  readonly cursor?: readonly number[] | undefined;
}

/**
 * Merges sorted runs, in pieces: by rank and key, then by run. So if runs are in the order of the input, the elements of
 * each key are too. It holds two reads of each run, a piece and a record (a k-way merge on a binary heap).
 */
export async function* mergeRuns(runs: readonly SortedRun[], options: MergeRunsOptions): AsyncGenerator<PackedPiece> {
  const cursor = runs.map((_, run) => options.cursor?.[run] ?? 0);
  const readers = runs.map((run, index) => new RunReader(run, { ...options, offset: cursor[index] ?? 0 }));
  try {
    await Promise.all(readers.map((reader) => reader.begin()));
    const packer = new PiecePacker(options.pieceBytes);
    const heap = new RunHeap(readers);
    let key: RecordKey | undefined;
    for (let run = heap.first; run !== undefined; run = heap.first) {
      const reader = readers[run];
      if (reader === undefined) return;
      if (key === undefined || compareKeys(key, reader) !== 0) packer.beginKey(cursor);
      key = { rank: reader.rank, key: reader.key };
      // All records of a key in this run come before those in the next run.
      while (!reader.isAtEnd && compareKeys(key, reader) === 0) {
        if (!reader.isWhole) await reader.fetch();
        const { bytes, start } = reader;
        const isFull = packer.add(bytes, start, start + recordBytes(bytes, start));
        if (!reader.step()) await reader.begin();
        cursor[run] = reader.offset;
        if (isFull) yield* packer.drain(cursor);
      }
      heap.settleFirst();
    }
    yield* packer.end(cursor);
  } finally {
    await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()));
  }
}

/** Finds the run whose record comes first. */
class RunHeap {
  readonly #readers: readonly RunReader[];
  readonly #heap: number[];

  constructor(readers: readonly RunReader[]) {
    this.#readers = readers;
    this.#heap = readers.keys().toArray();
    this.#heap = this.#heap.sort((one, other) => this.#compare(one, other));
  }

  /** The first run; undefined if all runs have ended. */
  get first(): number | undefined {
    const [first] = this.#heap;
    return first === undefined || this.#readers[first]?.isAtEnd === true ? undefined : first;
  }

  /** Moves the first run to its place after it has advanced to another record. */
  settleFirst(): void {
    const heap = this.#heap;
    const moving = heap[0] ?? 0;
    let at = 0;
    for (;;) {
      const child = this.#lesserChild(at);
      const run = heap[child];
      if (run === undefined || this.#compare(moving, run) <= 0) break;
      heap[at] = run;
      at = child;
    }
    heap[at] = moving;
  }

  #lesserChild(at: number): number {
    const [left, right] = [2 * at + 1, 2 * at + 2];
    const [one, other] = [this.#heap[left], this.#heap[right]];
    return one !== undefined && other !== undefined && this.#compare(other, one) < 0 ? right : left;
  }

  #compare(one: number, other: number): number {
    const [a, b] = [this.#readers[one], this.#readers[other]];
    if (a === undefined || b === undefined || a.isAtEnd || b.isAtEnd) {
      return Number(a?.isAtEnd ?? true) - Number(b?.isAtEnd ?? true);
    }
    return compareKeys(a, b) || one - other;
  }
}
