/** Runs a limited amount of work at once, beside the reading that starts it. */
export class WorkInFlight {
  readonly #atOnce: number;
  readonly #running = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Begins the work once there is room for it. @throws the first error of what began before */
  async begin(work: () => Promise<unknown>): Promise<void> {
    while (this.#running.size >= this.#atOnce) await Promise.race(this.#running);
    this.#rethrow();
    const running: Promise<void> = work()
      .then(
        () => {},
        (error: unknown) => void this.#failures.push(error),
      )
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Waits for work in flight. @throws the first error */
  async end(): Promise<void> {
    await Promise.all(this.#running);
    this.#rethrow();
  }

  #rethrow(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}
