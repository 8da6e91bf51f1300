/** A turn in the engine, until it ends. */
export interface EngineTurn {
  /** Lets the next one come. It can be called again. */
  end(): void;
}

/** Lets a number of bundles use the engine at once; the others wait for their turns, in the order in which they ask. */
export class EngineTurns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Resolves when the caller's turn has come. */
  async next(): Promise<EngineTurn> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let isOver = false;
    return {
      end: () => {
        if (isOver) return;
        isOver = true;
        const next = this.#waiting.shift();
        if (next === undefined) this.#free += 1;
        else next();
      },
    };
  }
}
