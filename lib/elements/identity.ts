/**
 * The identity of a job's elements is their position: `<name>#<position>`, the same in every try and on every machine.
 * Made for millions: neither form is built before somebody asks for it.
 */
export class PositionIds {
  readonly #prefix: string;
  /** Without the closing quote. */
  readonly #jsonPrefix: string;

  constructor(name: string) {
    this.#prefix = `${name}#`;
    this.#jsonPrefix = JSON.stringify(this.#prefix).slice(0, -1);
  }

  at(position: number): string {
    return this.#prefix + position;
  }

  /** The id as JSON. */
  jsonAt(position: number): string {
    return `${this.#jsonPrefix}${position}"`;
  }

  /** The one element that stands for a range whose elements can't be told apart any more. */
  ofRange(start: number, end: number): string {
    return `${this.#prefix}${start}-${end}`;
  }
}
