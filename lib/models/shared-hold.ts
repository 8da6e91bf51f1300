/** Something that must be let go of. */
export interface Held {
  release(): Promise<void>;
}

/** What is made once for all that ask for it, and let go of when the last of them does. */
export class SharedHold<Value extends Held> {
  readonly #abort = new AbortController();
  readonly #value: Promise<Value>;
  readonly #onUnused: () => void;
  #users = 0;

  /** @param make - its signal is aborted when all that asked have gone before it was done */
  constructor(make: (signal: AbortSignal) => Promise<Value>, onUnused: () => void) {
    this.#onUnused = onUnused;
    this.#value = make(this.#abort.signal);
    this.#value.catch(() => {});
  }

  /** The value, as one of those that hold it. @throws what making it threw, or the signal's reason */
  async join(signal?: AbortSignal): Promise<Value> {
    this.#users += 1;
    const gone = Promise.withResolvers<never>();
    const leave = (): void => gone.reject(signal?.reason);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      signal?.throwIfAborted();
      const value = await Promise.race([this.#value, gone.promise]);
      let isHeld = true;
      return {
        ...value,
        release: async () => {
          if (isHeld) await this.#leave();
          isHeld = false;
        },
      };
    } catch (error) {
      await this.#leave();
      throw error;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  async #leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#onUnused();
    this.#abort.abort(new Error('nobody waits for it any more'));
    await this.#value.then(
      (value) => value.release(),
      () => {},
    );
  }
}
