import type { RefreshClock } from '../../lib/hosts/refresh-clock.ts';

/** Time that stands still, and calls what is due when it is moved. */
export class HandClock implements RefreshClock {
  #now = 0;
  readonly waiting: { readonly at: number; readonly call: () => void }[] = [];
  now(): number {
    return this.#now;
  }
  after(millis: number, call: () => void): () => void {
    const entry = { at: this.#now + millis, call };
    this.waiting.push(entry);
    return () => void this.waiting.splice(this.waiting.indexOf(entry), 1);
  }
  advance(millis: number): void {
    this.#now += millis;
    for (const entry of this.waiting.filter(({ at }) => at <= this.#now)) {
      this.waiting.splice(this.waiting.indexOf(entry), 1);
      entry.call();
    }
  }
}
