import { writeSync } from 'node:fs';

/**
 * Where a worker's thread stands: in which function of which element of which task. Written before each call, read by
 * the engine, which thus knows what a worker that stands still or died was at.
 */
export interface Progress {
  enter(task: number, ordinal: number, stage: number): void;
  leave(): void;
  /** Says that the thread's event loop turns: it stands still in no code whose place nobody wrote down. */
  beat(): void;
}

export interface Standing {
  /** Changes with every call. */
  readonly ticket: number;
  readonly task: number;
  readonly ordinal: number;
  readonly stage: number;
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

export function progressBuffer(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(FIELDS * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(buffer)[STAGE] = NOWHERE;
  return buffer;
}

/** Progress in memory that worker and engine share. */
export function sharedProgress(buffer: SharedArrayBuffer): Progress {
  const fields = new Int32Array(buffer);
  let ticket = 0;
  return {
    enter(task, ordinal, stage) {
      ticket = (ticket + 1) | 0;
      fields[TICKET] = ticket;
      fields[TASK] = task;
      fields[ORDINAL] = ordinal;
      fields[STAGE] = stage;
    },
    leave() {
      fields[STAGE] = NOWHERE;
    },
    beat() {
      fields[BEATS] = ((fields[BEATS] ?? 0) + 1) | 0;
    },
  };
}

/** Progress through a pipe, which outlives the process that wrote it. */
export function pipedProgress(fd: number): Progress {
  const buffer = progressBuffer();
  const shared = sharedProgress(buffer);
  const bytes = new Uint8Array(buffer);
  const put = (): void => {
    writeSync(fd, bytes);
  };
  return {
    enter(task, ordinal, stage) {
      shared.enter(task, ordinal, stage);
      put();
    },
    leave() {
      shared.leave();
      put();
    },
    beat() {
      shared.beat();
      put();
    },
  };
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

/** What the fields say, or undefined where the thread is in no function. */
export function standing(fields: Int32Array): Standing | undefined {
  const [ticket = 0, task = 0, ordinal = 0, stage = NOWHERE] = fields;
  return stage === NOWHERE ? undefined : { ticket, task, ordinal, stage };
}
