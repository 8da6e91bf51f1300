/** Lets one side of a pipeline wait until the other has changed something. */
export class ChangeSignal {
  #change = Promise.withResolvers<void>();

  notify(): void {
    const change = this.#change;
    this.#change = Promise.withResolvers<void>();
    change.resolve();
  }

  /** Resolves at the next `notify` after the call. */
  get changed(): Promise<void> {
    return this.#change.promise;
  }
}
