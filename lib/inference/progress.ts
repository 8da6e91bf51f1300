import { writeSync } from 'node:fs';

/**
 * Where a worker's thread stands: at which element of which task, in a function or in the fabric's own work on it.
 * Written before each call, read by the engine, which thus knows what a worker that stands still or died was at.
 */
export interface Progress {
  enter(task: number, ordinal: number, stage: number): void;
  leave(): void;
  /** Runs the fabric's own work on an element. Afterwards the thread stands where it stood before. */
  within<T>(place: Place, work: () => T): T;
  /**
   * Marks awaited work, which may continue in other threads: until it is disposed, this is the thread's place whenever
   * the thread does nothing else.
   */
  hold(place: Place): Disposable;
  /** Records that the thread's event loop turns, so the thread is not stuck in code that records no place. */
  beat(): void;
}

/** An element of a task, and the stage whose work on it is the fabric's own. */
export interface Place {
  readonly task: number;
  readonly ordinal: number;
  readonly stage: number;
}

export interface Standing extends Place {
  /** Changes with every call. */
  readonly ticket: number;
  /** True if it is in no function, but in what the fabric itself does for this stage. */
  readonly isOwnWork: boolean;
}

const TICKET = 0;
const TASK = 1;
const ORDINAL = 2;
const STAGE = 3;
const BEATS = 4;
const FIELDS = 5;
/** How often a worker says that its event loop turns. */
const BEAT_MILLIS = 100;
/** The `stage` of a thread that is in no function. */
const NOWHERE = -1;
/** Added to the `stage` while the fabric itself works on an element; larger than the number of stages of any pipeline. */
const OWN_WORK = 1 << 24;

export function progressBuffer(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(FIELDS * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(buffer)[STAGE] = NOWHERE;
  return buffer;
}

/** Progress in memory that worker and engine share. */
export function sharedProgress(buffer: SharedArrayBuffer): Progress {
  return new FieldProgress(new Int32Array(buffer), () => {});
}

/** Progress through a pipe, which outlives the process that wrote it. */
export function pipedProgress(fd: number): Progress {
  const buffer = progressBuffer();
  const bytes = new Uint8Array(buffer);
  return new FieldProgress(new Int32Array(buffer), () => void writeSync(fd, bytes));
}

class FieldProgress implements Progress {
  readonly #fields: Int32Array;
  /** Called after each change. */
  readonly #put: () => void;
  readonly #held = new Set<Place>();
  #ticket = 0;

  constructor(fields: Int32Array, put: () => void) {
    this.#fields = fields;
    this.#put = put;
  }

  enter(task: number, ordinal: number, stage: number): void {
    const fields = this.#fields;
    this.#ticket = (this.#ticket + 1) | 0;
    fields[TICKET] = this.#ticket;
    fields[TASK] = task;
    fields[ORDINAL] = ordinal;
    fields[STAGE] = stage;
    this.#put();
  }

  leave(): void {
    if (this.#held.size > 0) return this.#enterHeld();
    this.#fields[STAGE] = NOWHERE;
    this.#put();
  }

  within<T>({ task, ordinal, stage }: Place, work: () => T): T {
    const fields = this.#fields;
    const before = [fields[TASK] ?? 0, fields[ORDINAL] ?? 0, fields[STAGE] ?? NOWHERE] as const;
    this.enter(task, ordinal, stage | OWN_WORK);
    try {
      return work();
    } finally {
      // Its event loop did not turn meanwhile, so no work at that place has ended.
      if (before[2] === NOWHERE) this.leave();
      else this.enter(...before);
    }
  }

  hold(place: Place): Disposable {
    this.#held.add(place);
    if (this.#fields[STAGE] === NOWHERE) this.#enterHeld();
    return {
      [Symbol.dispose]: () => {
        const { ordinal, stage } = place;
        this.#held.delete(place);
        const isShown = this.#fields[ORDINAL] === ordinal && this.#fields[STAGE] === (stage | OWN_WORK);
        if (isShown) this.leave();
      },
    };
  }

  beat(): void {
    const fields = this.#fields;
    fields[BEATS] = ((fields[BEATS] ?? 0) + 1) | 0;
    this.#put();
  }

  #enterHeld(): void {
    for (const { task, ordinal, stage } of this.#held) return this.enter(task, ordinal, stage | OWN_WORK);
  }
}

/** Beats for as long as the thread lives and its event loop turns. */
export function startBeating(progress: Progress): void {
  setInterval(() => progress.beat(), BEAT_MILLIS).unref();
}

export const PROGRESS_RECORD_BYTES = FIELDS * Int32Array.BYTES_PER_ELEMENT;

/** A number that stays the same only while the thread neither enters a function nor turns its event loop. */
export function pulse(fields: Int32Array): number {
  return (fields[TICKET] ?? 0) + (fields[BEATS] ?? 0);
}

/** Returns the place that the fields contain; undefined if the thread is in no function. */
export function standing(fields: Int32Array): Standing | undefined {
  const [ticket = 0, task = 0, ordinal = 0, stage = NOWHERE] = fields;
  if (stage === NOWHERE) return undefined;
  return { ticket, task, ordinal, stage: stage & ~OWN_WORK, isOwnWork: (stage & OWN_WORK) !== 0 };
}
