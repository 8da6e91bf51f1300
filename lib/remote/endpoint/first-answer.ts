import type { Clock } from '../../time/clock.ts';

/** Milliseconds for which the last waiting batch waits for another one to be asked. */
const PATIENCE_MILLIS = 500;
/** Maximum batches that wait for a first accepted answer: this number of refusals in a row is the endpoint's fault. */
const MAX_WAITING = 10;

/**
 * Distinguishes an endpoint that can't be used from one that lacks a single element's resource: both
 * answer 403, 404 or 410.
 *
 * Once the endpoint has accepted a request, such an answer is a failure of the elements in it. Before that, the batch
 * waits for the batches that are asked at the same time or soon after, and the first one that is accepted decides. The
 * endpoint can't be used if there is no other batch left to wait for, or if {@link MAX_WAITING} of them wait.
 */
export class FirstAnswer {
  #isAccepted = false;
  /** Number of batches that are being asked, including those that wait. */
  #asks = 0;
  readonly #waiting = new Set<(isUsable: boolean) => void>();
  readonly #clock: Clock;
  #timer: unknown;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records that the endpoint has accepted a request. */
  accepted(): void {
    this.#isAccepted = true;
    this.#settle(true);
  }

  /** Counts a batch as being asked, until the result is disposed. */
  ask(): Disposable {
    this.#asks += 1;
    this.#stopTimer();
    return {
      [Symbol.dispose]: () => {
        this.#asks -= 1;
        this.#decide();
      },
    };
  }

  /**
   * Returns whether the endpoint accepts requests of others. Called for a batch that was counted by {@link ask}.
   *
   * @throws the signal's reason
   */
  async isUsable(signal: AbortSignal): Promise<boolean> {
    if (this.#isAccepted) return true;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    this.#waiting.add(resolve);
    this.#decide();
    try {
      return await promise;
    } finally {
      this.#waiting.delete(resolve);
      if (this.#waiting.size === 0) this.#stopTimer();
      signal.removeEventListener('abort', leave);
    }
  }

  #decide(): void {
    if (this.#waiting.size >= MAX_WAITING) return this.#settle(false);
    if (this.#waiting.size === 0 || this.#waiting.size < this.#asks) return;
    this.#timer ??= this.#clock.setTimeout(() => this.#settle(false), PATIENCE_MILLIS);
  }

  #stopTimer(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #settle(isUsable: boolean): void {
    this.#stopTimer();
    for (const resolve of this.#waiting) resolve(isUsable);
    this.#waiting.clear();
  }
}
