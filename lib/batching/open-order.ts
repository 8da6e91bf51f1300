/** Minimum number of empty places at the start for which the list is made shorter. */
const MIN_LEFT = 1024;

/** Place of a member of an {@link OpenOrder}; emptied when the member leaves. */
export interface Place<T> {
  member: T | undefined;
}

/**
 * Keeps members in the order in which they came. They leave in any order. Each step takes constant time on average: the
 * first value of a `Set` from whose start many were deleted does not.
 */
export class OpenOrder<T> {
  #places: Place<T>[] = [];
  /** Index of the first place that can be taken; all places before it are empty. */
  #start = 0;

  /** The first member that has not left; undefined if all have. */
  get first(): T | undefined {
    while (this.#start < this.#places.length && this.#places[this.#start]?.member === undefined) this.#start += 1;
    if (this.#start >= MIN_LEFT && 2 * this.#start > this.#places.length) {
      this.#places = this.#places.slice(this.#start);
      this.#start = 0;
    }
    return this.#places[this.#start]?.member;
  }

  /** Adds a member. @returns its place, which the caller empties when the member leaves. */
  add(member: T): Place<T> {
    const place = { member };
    this.#places.push(place);
    return place;
  }
}
