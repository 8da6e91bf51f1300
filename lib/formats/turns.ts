import { setImmediate } from 'node:timers/promises';
import type { ReadOptions } from './format.ts';

/** Work that is done before others get a turn. Records of 4 MiB are split and parsed in some 50 ms. */
const TURN_BYTES = 4 * 1024 * 1024;
/** Bytes that a record counts for at least: an empty or failed one costs time too. */
const MIN_RECORD_BYTES = 1024;

/**
 * Interrupts a long pass over data from time to time: timers, sockets and signals of the process get a turn, and the pass
 * ends if it was aborted. Promises that are settled already do not give any of these a turn, so a pass whose bytes are in
 * memory would keep the thread until its end.
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
   * @returns what to await when it is the turn of others, which is rare; it rejects with the signal's reason.
   */
  after(bytes: number, records: number): Promise<void> | undefined {
    this.#bytes += Math.max(bytes, records * MIN_RECORD_BYTES);
    return this.#bytes < TURN_BYTES ? undefined : this.#giveTurn();
  }

  async #giveTurn(): Promise<void> {
    this.#bytes = 0;
    await setImmediate();
    this.#signal?.throwIfAborted();
  }
}
