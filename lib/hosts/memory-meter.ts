import type { ResidentModel } from './resident-model.ts';

/** Measures the memory of all open models. Calls during a measurement share one more, which begins after it. */
export class MemoryMeter {
  readonly #models: readonly ResidentModel[];
  readonly #onMeasured: () => void;
  #measuring: Promise<void> | undefined;
  #isRequested = false;

  /** @param onMeasured - called after each measurement */
  constructor(models: readonly ResidentModel[], onMeasured: () => void) {
    this.#models = models;
    this.#onMeasured = onMeasured;
  }

  async measure(): Promise<void> {
    this.#isRequested = true;
    this.#measuring ??= this.#measureWhileRequested();
    await this.#measuring;
  }

  async #measureWhileRequested(): Promise<void> {
    while (this.#isRequested) {
      this.#isRequested = false;
      await Promise.all(this.#models.filter(({ state }) => state === 'open').map((model) => model.measure()));
      this.#onMeasured();
    }
    this.#measuring = undefined;
  }
}
