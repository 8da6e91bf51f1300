/** Number of members that left before the list is made shorter. */
const MIN_LEFT = 1024;

/** What can be in an {@link OpenOrder}. Its owner sets `isClosed` when it leaves. */
export interface Closable {
  isClosed: boolean;
}

/**
 * Keeps members in the order in which they came. They leave in any order. Each step takes constant time on average: the
 * first value of a `Set` from whose start many were deleted does not.
 */
export class OpenOrder<T extends Closable> {
  #members: T[] = [];
  /** All before this one have left. */
  #start = 0;

  /** The first that has not left; undefined if all have. */
  get first(): T | undefined {
    while (this.#members[this.#start]?.isClosed === true) this.#start += 1;
    if (this.#start >= MIN_LEFT && 2 * this.#start > this.#members.length) {
      this.#members = this.#members.slice(this.#start);
      this.#start = 0;
    }
    return this.#members[this.#start];
  }

  add(member: T): void {
    this.#members.push(member);
  }
}
