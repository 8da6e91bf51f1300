/** Runs tasks of the same name one after the other, and those of different names in parallel. */
export class Serial {
  readonly #last = new Map<string, Promise<unknown>>();

  async run<Result>(name: string, task: () => Promise<Result>): Promise<Result> {
    const running = (this.#last.get(name) ?? Promise.resolve()).then(task);
    // The next task starts even if this one fails.
    const ended = running.catch(() => undefined);
    this.#last.set(name, ended);
    try {
      return await running;
    } finally {
      if (this.#last.get(name) === ended) this.#last.delete(name);
    }
  }
}
