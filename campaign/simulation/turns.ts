/**
 * Orders the calls of processes that run at once: each waits until every process that has not ended has a call waiting,
 * and a seeded random number chooses whose is next. So two runs of a seed interleave in the same way, although the
 * processes read and write files between their calls.
 */
export class Turns {
  readonly #random: () => number;
  readonly #running = new Set<object>();
  readonly #waiting: { readonly process: object; readonly go: () => void }[] = [];
  #isBusy = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  begin(process: object): void {
    this.#running.add(process);
  }

  end(process: object): void {
    this.#running.delete(process);
    this.#next();
  }

  /** Runs one call of a process when its turn comes; at once if no other process runs. */
  async runInTurn<Result>(process: object, work: () => Promise<Result>): Promise<Result> {
    if (this.#running.size < 2) return work();
    await new Promise<void>((go) => {
      this.#waiting.push({ process, go });
      this.#next();
    });
    try {
      return await work();
    } finally {
      this.#isBusy = false;
      // Its process has its next call waiting by then, unless it does something else first.
      setImmediate(() => this.#next());
    }
  }

  #next(): void {
    if (this.#isBusy || this.#waiting.length === 0) return;
    const hasCall = (process: object): boolean => this.#waiting.some((waiting) => waiting.process === process);
    if (![...this.#running].every(hasCall)) return;
    const [next] = this.#waiting.splice(Math.floor(this.#random() * this.#waiting.length), 1);
    this.#isBusy = true;
    next?.go();
  }
}
