/**
 * The identity of a job's elements is their position: `<name>#<position>`, the same in every try and on every machine.
 * There can be millions, so neither form is built before it is needed.
 */
export class PositionIds {
  readonly #prefix: string;
  /** Without the closing quote. */
  readonly #jsonPrefix: string;
  #prefixBytes: Uint8Array | undefined;

  constructor(name: string) {
    this.#prefix = `${name}#`;
    this.#jsonPrefix = JSON.stringify(this.#prefix).slice(0, -1);
  }

  at(position: number): string {
    return this.#prefix + position;
  }

  /** Returns the id as JSON. */
  jsonAt(position: number): string {
    return `${this.#jsonPrefix}${position}"`;
  }

  /** The id as JSON in UTF-8, up to its position. */
  get jsonPrefixBytes(): Uint8Array {
    this.#prefixBytes ??= new TextEncoder().encode(this.#jsonPrefix);
    return this.#prefixBytes;
  }

  /** Returns the id of the one element that represents a whole range, if its elements can no longer be read. */
  ofRange(start: number, end: number): string {
    return `${this.#prefix}${start}-${end}`;
  }
}
