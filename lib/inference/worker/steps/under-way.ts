/** Elements in progress between the two ends of steps that keep the order of their elements. */
export class UnderWay<T> {
  readonly #pages: (readonly T[])[] = [];
  /** Index in the first page of the next element to leave. */
  #next = 0;

  enter(page: readonly T[]): void {
    if (page.length > 0) this.#pages.push(page);
  }

  /** The element that has been in progress for the longest time. @throws if there is no element */
  get first(): T {
    const page = this.#pages[0];
    if (page === undefined) throw new RangeError('more elements came out of a step than went in');
    return page[this.#next] as T; // A page on the list has one at this place.
  }

  /** Removes and returns that element. */
  leave(): T {
    const { first } = this;
    this.#next += 1;
    if (this.#next === this.#pages[0]?.length) {
      this.#pages.shift();
      this.#next = 0;
    }
    return first;
  }
}
