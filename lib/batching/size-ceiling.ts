/** Batches that must succeed before a larger size is tried. */
const BATCHES_BEFORE_TRIAL = 100;

/**
 * The largest batch that fits in memory, or that finishes in time, for one model and one shape.
 *
 * - `open`: no batch has been too large because of its size; no limit.
 * - `capped`: a batch was too large and its halves succeeded, so their size is the limit. If the halves fail too, the
 *   cause is a bad element and not the size, and the limit does not change.
 * - `trial`: after 100 successes the limit is twice the cap until the first batch above the cap ends. If it succeeds,
 *   its size becomes the cap; if it is too large, the cap stays. In both cases the next trial comes after another 100
 *   successes.
 *
 * The limit only shapes the batches to come. Those already formed are cut by `halvesWithin`.
 */
export class SizeCeiling {
  #cap = Infinity;
  #successes = 0;
  #onTrial = false;

  /** Returns the maximum number of elements in the next batch; `Infinity` until one was too large. */
  limit(): number {
    return this.#onTrial ? this.#cap * 2 : this.#cap;
  }

  /** Records that a batch of `size` elements ran out of memory or time. By itself this only ends a trial. */
  exceeded(size: number): void {
    this.#successes = 0;
    if (size > this.#cap) this.#onTrial = false;
  }

  /** Records that both halves of a batch of `size` elements that was too large succeeded. */
  recovered(size: number): void {
    if (size < 2) return;
    const half = Math.ceil(size / 2);
    if (half >= this.#cap) return;
    this.#cap = half;
    this.#successes = 0;
    this.#onTrial = false;
  }

  /** Records that a batch of `size` elements succeeded. */
  succeeded(size: number): void {
    if (this.#cap === Infinity) return;
    if (this.#onTrial && size > this.#cap) {
      // At most twice the cap: a larger batch was formed before there was a cap, and is more than one step.
      this.#cap = Math.min(size, this.#cap * 2);
      this.#onTrial = false;
      this.#successes = 0;
      return;
    }
    this.#successes += 1;
    if (this.#successes >= BATCHES_BEFORE_TRIAL) this.#onTrial = true;
  }
}

/**
 * Cuts a batch of `size` elements by repeated halving, the larger half first, until no piece has more than `limit`. A
 * batch that fails at every size above the limit is cut into the same pieces. So a model whose rows depend on their
 * batch gives the same results whether the limit was known or discovered.
 *
 * @returns `[start, end)` of each piece, in order
 * @throws {RangeError} if the limit is below 1
 */
export function halvesWithin(size: number, limit: number): [start: number, end: number][] {
  if (!(limit >= 1)) {
    throw new RangeError(`Cannot cut a batch as 'limit' must be 1 or more: current value is ${limit}`);
  }
  const pieces: [number, number][] = [];
  function cut(start: number, end: number): void {
    if (end - start <= limit) {
      if (end > start) pieces.push([start, end]);
      return;
    }
    const middle = start + Math.ceil((end - start) / 2);
    cut(start, middle);
    cut(middle, end);
  }
  cut(0, size);
  return pieces;
}
