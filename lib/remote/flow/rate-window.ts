/** Requests that started within a time window, counted by their cost. */
interface Start {
  readonly at: number;
  cost: number;
}

/**
 * Keeps a limit in every window of its length, wherever the window begins: requests that started in the last
 * `windowMillis` cost at most `max`. A request that costs more by itself starts in an empty window.
 */
export class RateWindow {
  #max: number;
  #windowMillis: number;
  /** Sorted by time; entries before `#first` are out of the window. */
  #starts: Start[] = [];
  #first = 0;
  #sum = 0;

  /**
   * @param max maximum cost of a window; below 1, the window for a request of cost 1 is longer in proportion.
   */
  constructor(max: number, windowMillis: number) {
    this.#max = Math.max(1, max);
    this.#windowMillis = (windowMillis * this.#max) / max;
  }

  /** Sets the limit; requests that have started count against the new one. */
  setLimit(max: number, windowMillis: number): void {
    this.#max = Math.max(1, max);
    this.#windowMillis = (windowMillis * this.#max) / max;
  }

  /** Returns the milliseconds until a request of this cost may start; 0: now. */
  waitMillis(cost: number, now: number): number {
    this.#drop(now);
    let over = this.#sum + Math.min(cost, this.#max) - this.#max;
    // Larger than the rounding error of a sum of fractions.
    const precision = 1e-9 * this.#max;
    if (over <= precision) return 0;
    for (let index = this.#first; index < this.#starts.length; index += 1) {
      const start = this.#starts[index];
      if (start === undefined) break;
      over -= start.cost;
      if (over <= precision) return start.at + this.#windowMillis - now;
    }
    return 0;
  }

  /** Counts a request of this cost that starts now. */
  charge(cost: number, now: number): void {
    this.#drop(now);
    const last = this.#starts.at(-1);
    if (last?.at === now) last.cost += cost;
    else this.#starts.push({ at: now, cost });
    this.#sum += cost;
  }

  #drop(now: number): void {
    for (;;) {
      const start = this.#starts[this.#first];
      if (start === undefined || start.at + this.#windowMillis > now) break;
      this.#sum -= start.cost;
      this.#first += 1;
    }
    if (this.#first === this.#starts.length) {
      this.#starts = [];
      this.#first = 0;
      this.#sum = 0;
    } else if (this.#first > 1000 && this.#first * 2 > this.#starts.length) {
      this.#starts = this.#starts.slice(this.#first);
      this.#first = 0;
    }
  }
}
