/** Milliseconds that the wheel holds; an event cannot be farther ahead. */
export const HORIZON_MILLIS = 65_535;
const SLOTS = HORIZON_MILLIS + 1;
const NONE = -1;

/**
 * Events by the millisecond in which they happen, those of one millisecond in the order in which they were added: a timing
 * wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987), so that adding and removing cost the same, whatever
 * the number of events. An event is two numbers, kept in typed arrays that are reused.
 */
export class TimingWheel {
  readonly #first = new Int32Array(SLOTS).fill(NONE);
  readonly #last = new Int32Array(SLOTS).fill(NONE);
  #next = new Int32Array(1024);
  #what = new Int32Array(1024);
  #startedAt = new Float64Array(1024);
  #used = 0;
  #free = NONE;

  add(at: number, what: number, startedAt: number): void {
    const node = this.#allocate();
    this.#what[node] = what;
    this.#startedAt[node] = startedAt;
    this.#next[node] = NONE;
    const slot = at % SLOTS;
    const last = this.#last[slot] ?? NONE;
    if (last === NONE) this.#first[slot] = node;
    else this.#next[last] = node;
    this.#last[slot] = node;
  }

  /** Gives the events of a millisecond to `happen`, with those that it adds to the same one. */
  run(at: number, happen: (what: number, startedAt: number) => void): void {
    const slot = at % SLOTS;
    for (let node = this.#first[slot] ?? NONE; node !== NONE; node = this.#first[slot] ?? NONE) {
      const next = this.#next[node] ?? NONE;
      this.#first[slot] = next;
      if (next === NONE) this.#last[slot] = NONE;
      const what = this.#what[node] ?? 0;
      const startedAt = this.#startedAt[node] ?? 0;
      this.#next[node] = this.#free;
      this.#free = node;
      happen(what, startedAt);
    }
  }

  #allocate(): number {
    if (this.#free !== NONE) {
      const node = this.#free;
      this.#free = this.#next[node] ?? NONE;
      return node;
    }
    if (this.#used === this.#next.length) this.#grow();
    this.#used += 1;
    return this.#used - 1;
  }

  #grow(): void {
    const length = this.#used * 2;
    const next = new Int32Array(length);
    next.set(this.#next);
    const what = new Int32Array(length);
    what.set(this.#what);
    const startedAt = new Float64Array(length);
    startedAt.set(this.#startedAt);
    this.#next = next;
    this.#what = what;
    this.#startedAt = startedAt;
  }
}
