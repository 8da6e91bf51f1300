/** A step more is tried after so many batches succeeded. */
const BATCHES_BEFORE_TRIAL = 100;

/**
 * The largest batch that memory holds, or that is through in time, for one model and one shape.
 *
 * - `open`: no batch was too large yet, or not for its size; no limit.
 * - `capped`: a batch was too large and its halves succeeded, so their size is the limit. One that fails in halves too is
 *   a bad element, not a size, and teaches nothing.
 * - `trial`: after 100 successes the limit is twice the cap until the first batch above the cap tells: it succeeded,
 *   and its size is the cap from then on; or it was too large, and the cap stands. Either way another 100 are waited for.
 *
 * The limit only shapes the batches to come. Those already formed are cut by `halvesWithin`.
 */
export class SizeCeiling {
  #cap = Infinity;
  #successes = 0;
  #onTrial = false;

  /** The most elements that the next batch may have; `Infinity` until one was too large. */
  limit(): number {
    return this.#onTrial ? this.#cap * 2 : this.#cap;
  }

  /** A batch of `size` elements ran out of memory, or of time. By itself this ends a trial, and no more. */
  exceeded(size: number): void {
    this.#successes = 0;
    if (size > this.#cap) this.#onTrial = false;
  }

  /** Both halves of a batch of `size` elements that was too large succeeded. */
  recovered(size: number): void {
    if (size < 2) return;
    const half = Math.ceil(size / 2);
    if (half >= this.#cap) return;
    this.#cap = half;
    this.#successes = 0;
    this.#onTrial = false;
  }

  /** A batch of `size` elements succeeded. */
  succeeded(size: number): void {
    if (this.#cap === Infinity) return;
    if (this.#onTrial && size > this.#cap) {
      // At most twice the cap: a larger one was formed before there was a cap, and is more than one step.
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
 * Cuts a batch of `size` elements by repeated halving, the larger half first, until no piece has more than `limit`: the
 * same pieces that failing at every size above the limit leads to, so the answers of a model whose rows
 * depend on their batch are the same whether the limit was known or found out.
 *
 * @returns `[start, end)` of each piece, in order
 * @throws {RangeError} when the limit is below 1
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
