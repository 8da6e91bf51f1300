import { FabricError } from '../../errors.ts';
import type { Bundle } from '../bundle.ts';
import type { BundleEntry, RowItems } from './row-items.ts';

/** The elements of a bundle that are to run, by ordinal. */
export class Selection {
  /** Ordinals from here on are not to run. */
  readonly end: number;
  readonly #start: number;
  readonly #only: ReadonlySet<number> | undefined;

  constructor({ skipElements = 0, only }: Bundle) {
    this.#start = skipElements;
    this.#only = only === undefined ? undefined : new Set(only);
    this.end = only === undefined ? Infinity : (only.at(-1) ?? -1) + 1;
  }

  get isAll(): boolean {
    return this.#start === 0 && this.#only === undefined;
  }

  has(ordinal: number): boolean {
    return ordinal >= this.#start && (this.#only === undefined || this.#only.has(ordinal));
  }

  /** Returns those of some rows. */
  among(rows: RowItems): readonly BundleEntry[] {
    if (this.#only === undefined) {
      const start = Math.max(0, this.#start - rows.ordinal);
      return start < rows.count ? [rows.slice(start)] : [];
    }
    return rows.items().filter(({ ordinal }) => this.has(ordinal));
  }

  /** @throws where the elements that there were once are not all there: `count` were read to the end. */
  expectSeen(count: number): void {
    const expected = this.#only === undefined ? this.#start : this.end;
    if (count >= expected) return;
    throw new FabricError(
      'SOURCE_CHANGED',
      `Cannot read the bundle: it has ${count} of at least ${expected} elements`,
      {
        disposition: 'retry',
      },
    );
  }
}
