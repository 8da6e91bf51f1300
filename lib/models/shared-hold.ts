/** A value that must be released. */
export interface Held {
  release(): Promise<void>;
}

/** A value that is created once for all its users, and released when the last user leaves. */
export class SharedHold<Value extends Held> {
  readonly #abort = new AbortController();
  readonly #value: Promise<Value>;
  readonly #onUnused: () => void;
  #users = 0;

  /** @param make - creates the value; its signal is aborted if all users leave before it is done */
  constructor(make: (signal: AbortSignal) => Promise<Value>, onUnused: () => void) {
    this.#onUnused = onUnused;
    this.#value = make(this.#abort.signal);
    this.#value.catch(() => {});
  }

  /** Adds a user and returns the value. @throws the error of creating it, or the signal's reason */
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
    this.#abort.abort(new Error('all its users have left'));
    await this.#value.then(
      (value) => value.release(),
      () => {},
    );
  }
}
