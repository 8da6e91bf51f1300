/** What is under way between the two ends of steps that give everything out in the order in which they took it in. */
export class UnderWay<T> {
  readonly #pages: (readonly T[])[] = [];
  /** The place in the first page of what comes out next. */
  #next = 0;

  enter(page: readonly T[]): void {
    if (page.length > 0) this.#pages.push(page);
  }

  /** The one that has been under way for longest. @throws where nothing is */
  get first(): T {
    const page = this.#pages[0];
    if (page === undefined) throw new RangeError('more elements came out of a step than went in');
    return page[this.#next] as T; // A page on the list has one at this place.
  }

  /** The same; it is under way no longer. */
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
