/** A time from which on a quota holds, in seconds, and the quota, in requests a second. */
export interface QuotaChange {
  readonly fromSecs: number;
  readonly perSec: number;
}

/** Requests that the endpoint accepts at once, as a share of those of a second. */
const BURST_SHARE = 0.1;

/** An endpoint with a quota that engines do not know: a token bucket, whose rate changes at given times. */
export class SimulatedEndpoint {
  readonly #changes: readonly QuotaChange[];
  #tokens = Infinity;
  #at = 0;
  #index = 0;

  /** @param changes - the first from second 0, in order */
  constructor(changes: readonly QuotaChange[]) {
    this.#changes = changes;
  }

  /** Requests a second. */
  quotaAt(millis: number): number {
    return this.#changes.findLast(({ fromSecs }) => fromSecs * 1000 <= millis)?.perSec ?? 0;
  }

  /** Returns true if a request is answered; otherwise it is throttled. */
  accepts(millis: number): boolean {
    const next = this.#changes[this.#index + 1];
    if (next !== undefined && next.fromSecs * 1000 <= millis) this.#index += 1;
    const perSec = this.#changes[this.#index]?.perSec ?? 0;
    const burst = Math.max(1, perSec * BURST_SHARE);
    this.#tokens = Math.min(burst, this.#tokens + ((millis - this.#at) / 1000) * perSec);
    this.#at = millis;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
