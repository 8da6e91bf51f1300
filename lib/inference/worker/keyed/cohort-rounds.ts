import { roughBytes } from '../../../models/rough-bytes.ts';
import { CohortRunner, type CohortRunnerOptions } from './cohort-runner.ts';
import type { CohortFlow } from './cohorts.ts';
import { KeyedRound } from './keyed-round.ts';
import type { Slot } from '../slot.ts';

/**
 * Takes elements through the models of their cohorts in rounds, each grouped by cohort before anything is loaded, while
 * the next one is read.
 */
export class CohortRounds implements CohortFlow {
  readonly #options: CohortRunnerOptions;
  readonly #runner: CohortRunner;
  #round = new KeyedRound();
  #running: Promise<void> = Promise.resolve();

  constructor(options: CohortRunnerOptions) {
    this.#options = options;
    this.#runner = new CohortRunner(options);
  }

  async add(slots: readonly Slot[], signal: AbortSignal): Promise<void> {
    for (let next = 0; next < slots.length;) {
      next = this.#addUntilFull(slots, next);
      if (this.#round.isFull) await this.#startNext(signal);
    }
  }

  async end(signal: AbortSignal): Promise<void> {
    await this.#startNext(signal);
    await this.#running;
  }

  /** Each cohort's model goes back when it has run. */
  close(): void {}

  async #startNext(signal: AbortSignal): Promise<void> {
    await this.#running;
    const { entries } = this.#round;
    this.#round = new KeyedRound();
    this.#running = this.#runner.run(entries, signal);
    // The window fails at once, before the next round is read.
    this.#running.catch((error: Error) => this.#options.window.fail(error));
  }

  /** Adds elements to the round from index `next` on, until it is full; gives the index of the one after it. */
  #addUntilFull(slots: readonly Slot[], next: number): number {
    const { cohorts, link, model } = this.#options;
    let index = next;
    while (index < slots.length && (index === next || !this.#round.isFull)) {
      const slot = slots[index];
      index += 1;
      if (slot === undefined) continue;
      const isThrough = slot.item.isThrough;
      const bytes = isThrough ? slot.bytes : roughBytes(slot.item.value);
      const resultBytes = isThrough ? 0 : link.resultBytes(model + slot.lane);
      const endsSegment = this.#round.add(slot, { bytes, resultBytes });
      if (cohorts.mayHaveFixedBatches && !endsSegment) slot.item.isMidBatch = true;
    }
    return index;
  }
}
