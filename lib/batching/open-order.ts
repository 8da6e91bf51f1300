/** Number of places at the start that were left before the list is made shorter. */
const MIN_LEFT = 1024;

/** Where a member of an {@link OpenOrder} is. A place that was left holds nothing. */
export interface Place<T> {
  member: T | undefined;
}

/**
 * Keeps members in the order in which they came. They leave in any order. Each step takes constant time on average: the
 * first value of a `Set` from whose start many were deleted does not.
 */
export class OpenOrder<T> {
  #places: Place<T>[] = [];
  /** All before this one were left. */
  #start = 0;

  /** The first that has not left; undefined if all have. */
  get first(): T | undefined {
    while (this.#start < this.#places.length && this.#places[this.#start]?.member === undefined) this.#start += 1;
    if (this.#start >= MIN_LEFT && 2 * this.#start > this.#places.length) {
      this.#places = this.#places.slice(this.#start);
      this.#start = 0;
    }
    return this.#places[this.#start]?.member;
  }

  /** @returns its place; to leave, it is emptied. */
  add(member: T): Place<T> {
    const place = { member };
    this.#places.push(place);
    return place;
  }
}
