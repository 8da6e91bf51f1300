/** Minimum number of results that are all undefined before a warning is logged. */
const RESULTS_TO_JUDGE = 3;

/** Detects a model whose first results are all `undefined`: each becomes `null`, but a `return` may be missing. */
export class UndefinedResults {
  /** Number of results while all of them were `undefined`; undefined after the first that was not. */
  #count: number | undefined = 0;

  /** Counts the results of a batch. @returns the number of results so far, if all are undefined and they are enough */
  add(size: number, areUndefined: boolean): number | undefined {
    this.#count = areUndefined && this.#count !== undefined ? this.#count + size : undefined;
    return this.#count !== undefined && this.#count >= RESULTS_TO_JUDGE ? this.#count : undefined;
  }
}
