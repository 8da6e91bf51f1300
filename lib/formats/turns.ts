import { setImmediate } from 'node:timers/promises';
import type { ReadOptions } from './format.ts';

/** Bytes of work before other tasks can run. Records of 4 MiB are split and parsed in about 50 ms. */
const TURN_BYTES = 4 * 1024 * 1024;
/** Minimum bytes that a record counts for: an empty or failed one takes time too. */
const MIN_RECORD_BYTES = 1024;

/**
 * Interrupts a long pass over data from time to time, so that timers, sockets and signals of the process are handled, and
 * ends the pass if it was aborted. Awaiting a promise that is already settled does not do this, so a pass whose bytes are
 * in memory would keep the thread until its end.
 */
export class Turns {
  readonly #signal: AbortSignal | undefined;
  #bytes = 0;

  constructor({ signal }: ReadOptions = {}) {
    this.#signal = signal;
  }

  /**
   * Counts work that was done.
   *
   * @returns a promise to await if other tasks should run, which is rare; it rejects with the signal's reason.
   */
  after(bytes: number, records: number): Promise<void> | undefined {
    this.#bytes += Math.max(bytes, records * MIN_RECORD_BYTES);
    return this.#bytes < TURN_BYTES ? undefined : this.#letOthersRun();
  }

  async #letOthersRun(): Promise<void> {
    this.#bytes = 0;
    await setImmediate();
    this.#signal?.throwIfAborted();
  }
}
