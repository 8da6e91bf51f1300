import type { Clock } from '../../lib/time/clock.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock whose time goes on only from timer to timer, when everything that the last one set off has come to rest. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #timers = new TimerHeap();
  readonly #called = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, millis: number): Timer {
    const timer = { at: this.#now + Math.max(0, millis), order: (this.#order += 1), callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#called.add(timer as Timer);
  }

  /** Resolves when so much time has passed. */
  sleep(millis: number): Promise<void> {
    return new Promise((resolve) => void this.setTimeout(resolve, millis));
  }

  /** Lets time go on until the work is done. @throws where nothing is left that could end it */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { settled: false };
    const settle = (): void => void (state.settled = true);
    work.then(settle, settle);
    for (await atRest(); !state.settled; await atRest()) {
      if (!this.#callNext(Infinity)) throw new Error(`nothing is left to wait for at ${this.#now} ms`);
    }
    return await work;
  }

  /** Lets so much time pass. */
  async advance(millis: number): Promise<void> {
    const until = this.#now + millis;
    await atRest();
    while (this.#callNext(until)) await atRest();
    this.#now = until;
  }

  #callNext(until: number): boolean {
    for (let timer = this.#timers.first; timer !== undefined && timer.at <= until; timer = this.#timers.first) {
      this.#timers.removeFirst();
      if (this.#called.delete(timer)) continue;
      this.#now = timer.at;
      timer.callback();
      return true;
    }
    return false;
  }
}

/** All microtasks have run, those too that they brought up. */
function atRest(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A binary heap, by time and then by order. */
class TimerHeap {
  readonly #timers: Timer[] = [];

  get first(): Timer | undefined {
    return this.#timers[0];
  }

  add(timer: Timer): void {
    let at = this.#timers.push(timer) - 1;
    for (let above = (at - 1) >> 1; at > 0 && this.#swapIfBefore(at, above); above = (at - 1) >> 1) at = above;
  }

  removeFirst(): void {
    const last = this.#timers.pop();
    if (last === undefined || this.#timers.length === 0) return;
    this.#timers[0] = last;
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const below = this.#isBefore(right, left) ? right : left;
      if (!this.#swapIfBefore(below, at)) return;
      at = below;
    }
  }

  #swapIfBefore(one: number, other: number): boolean {
    const [a, b] = [this.#timers[one], this.#timers[other]];
    if (a === undefined || b === undefined || !this.#isBefore(one, other)) return false;
    this.#timers[one] = b;
    this.#timers[other] = a;
    return true;
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#timers[one], this.#timers[other]];
    if (a === undefined) return false;
    if (b === undefined) return true;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }
}
