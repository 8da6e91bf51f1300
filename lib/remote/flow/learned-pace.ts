/** Initial rate in requests per second. */
const FIRST_RATE = 4;
/** Lowest rate: below it, nothing would be learned for minutes. */
const MIN_RATE = 0.1;
/** Increase of the rate by a success in slow start, so that the rate doubles each second. */
const SLOW_START_STEP = Math.LN2;

/** Share of the rate that remains after a throttled request. */
const DECREASE = 0.5;
/** Throttled requests within this time count as one. */
const CUT_MILLIS = 1000;
/** Share of a rate to which the pace returns if that rate is lower than the one throttled before: this engine's quota fell. */
const FALLEN_SHARE = 0.9;
/** Minimum share of the rate throttled before, to which the pace then returns: two in a row are usually bad luck. */
const MIN_FALLEN_SHARE = 0.75;

/** Minimum ratio of the plateau to the start of the curve. */
const MIN_RISE_RATIO = 1.25;

/**
 * Time in which a reduced rate returns to the rate that was throttled. It is the same for all rates, so that slower engines
 * catch up with faster ones that share a quota.
 */
const RECOVERY_SECS = 8;
/** Minimum number of successes in that time: with fewer, requests would be throttled too often. */
const MIN_RECOVERY_SUCCESSES = 70;
const MAX_RECOVERY_SECS = 240;
const MIN_SUCCESSES_OF_ANY_RECOVERY = 20;
/**
 * Exponent of the curve; 3 in CUBIC. The higher it is, the sooner the rate is back near the plateau, and the longer it stays
 * there. It is odd, so that the rate continues to grow beyond the plateau.
 */
const FLATNESS = 5;

/** Length of a `Retry-After` from which it holds all requests back, not only the one that was refused. */
const PAUSING_RETRY_AFTER_MILLIS = 2000;
const FIRST_PAUSE_MILLIS = 1000;
const MAX_PAUSE_MILLIS = 30_000;

/** Lateness of timers that is made up for: requests that were due within this time start now. */
const SLACK_MILLIS = 20;

/**
 * Spaces requests at a rate that it learns, so that they stay just below an unknown quota that other callers may share. The
 * outcomes of requests are its only input.
 *
 * - Slow start: from a few requests per second, the rate doubles each second until the first throttled request.
 * - A throttled request halves the rate, at most once per second and round trip.
 * - Then the rate grows as in CUBIC (RFC 9438, sections 4.2 and 4.7): fast until it is near the rate that was throttled,
 *   slowly past it, and faster again the longer nothing is throttled. But it grows by successes and not by time: those of
 *   eight seconds, and at least seventy. An engine learns from a refusal that it is at the quota. This costs about one
 *   request in a hundred, whatever the quota is and however many engines share it.
 * - Two refusals in a row, the second of a request that was made after the first was known, mean more than a rate that is
 *   a little too high: nothing is sent for a second, then for two, and so on. The first success after that is followed by
 *   slow start, up to half of the rate before.
 * - The rate grows only while it is what limits the requests: while requests wait for it.
 *
 * Simulated for 200 s and more in which all engines have enough to do; latency 50 to 200 ms, a burst of 10 (at 1000/s:
 * 50), with or without `Retry-After: 1`:
 *
 *     engines  quota   used        refused
 *           1   10/s     100 %     1.1 %
 *           1  100/s      92 %     0.2 %
 *           1 1000/s      91 %     0.1 %
 *           8  100/s      98 %     1.2 %
 *          32  100/s      98 %     1.7 %
 *         200  100/s      94 %     2.9 %
 *
 * 90 % of a quota are used again 20 s after it doubles, and 40 s after a minute in which every request was refused. After
 * it falls to a tenth, refusals are below 3 % within 80 s.
 */
export class LearnedPace {
  readonly #random: () => number;
  #rate = FIRST_RATE;
  /** Rate at which slow start ends. */
  #threshold = Infinity;
  /** Rate at which the curve is flat: the one that was throttled last, or a little less. */
  #plateau = Infinity;
  /** Rate at which the curve began, and the successes since. */
  #origin = FIRST_RATE;
  #successes = 0;
  /** Successes before the first cut, while no other has followed: a measure of how well the plateau is known. */
  #seen = 0;
  /** Time at which the next request is due. */
  #dueAt = -Infinity;
  #pausedUntil = -Infinity;
  #cutAt = -Infinity;
  /** Cuts since the last success. */
  #cutsInRow = 0;
  /** True if a request had to wait since the last one started; `#limits`: if that one had to wait. */
  #isWaitedFor = false;
  #limits = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  get ratePerSec(): number {
    return this.#rate;
  }

  /** No request starts before this time. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** Returns the milliseconds until the next request can start; 0: now. */
  waitMillis(now: number): number {
    const wait = Math.max(0, this.#pausedUntil - now, this.#dueAt - SLACK_MILLIS - now);
    if (wait > 0) this.#isWaitedFor = true;
    return wait;
  }

  /** Uses the turn of a request that is due now. */
  useTurn(now: number): void {
    this.#limits = this.#isWaitedFor;
    this.#isWaitedFor = false;
    this.#dueAt = Math.max(now, this.#dueAt) + 1000 / this.#rate;
  }

  succeeded(): void {
    this.#cutsInRow = 0;
    if (this.#plateau === Infinity) this.#seen += 1;
    if (!this.#limits) return;
    if (this.#rate < this.#threshold) this.#grow(Math.min(this.#threshold, this.#rate + SLOW_START_STEP));
    else {
      this.#successes += 1;
      this.#rate = Math.min(this.#rate + SLOW_START_STEP, Math.max(this.#rate, this.#onCurve()));
    }
  }

  /** Records that the request that started at `startedAt` was refused. */
  throttled(now: number, startedAt: number, retryAfterMillis = 0): void {
    if (retryAfterMillis > PAUSING_RETRY_AFTER_MILLIS) this.#pause(now, retryAfterMillis);
    const isOldNews = startedAt < this.#cutAt || (now - this.#cutAt < CUT_MILLIS && this.#cutsInRow === 0);
    if (isOldNews) return;
    this.#cutAt = now;
    this.#cutsInRow += 1;
    if (this.#cutsInRow === 1) this.#cut();
    else this.#backOff(now, retryAfterMillis);
  }

  #cut(): void {
    if (this.#plateau !== Infinity) this.#seen = Infinity;
    this.#plateau = this.#rate < this.#plateau ? this.#fallenPlateau() : this.#rate;
    this.#threshold = Math.max(MIN_RATE, this.#rate * DECREASE);
    this.#grow(this.#threshold);
  }

  #fallenPlateau(): number {
    const least = this.#plateau === Infinity ? 0 : this.#plateau * MIN_FALLEN_SHARE;
    return Math.max(this.#rate * FALLEN_SHARE, least);
  }

  #backOff(now: number, retryAfterMillis: number): void {
    const pause = Math.min(MAX_PAUSE_MILLIS, FIRST_PAUSE_MILLIS * 2 ** (this.#cutsInRow - 2));
    this.#pause(now, Math.max(retryAfterMillis, pause * (0.5 + this.#random() / 2)));
    this.#grow(Math.max(MIN_RATE, this.#rate * DECREASE));
  }

  #pause(now: number, millis: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, now + millis);
  }

  /** Sets a rate from which the curve begins. */
  #grow(rate: number): void {
    this.#rate = rate;
    this.#origin = rate;
    this.#successes = 0;
  }

  #onCurve(): number {
    // A curve that began on its plateau, as at the minimum rate, would stay there.
    const plateau = Math.max(this.#plateau, this.#origin * MIN_RISE_RATIO);
    const left = 1 - this.#successes / recoverySuccesses(plateau, this.#seen);
    return plateau - (plateau - this.#origin) * left ** FLATNESS;
  }
}

/**
 * Returns the number of successes after which the rate is on the plateau again.
 *
 * @param seen successes before the only cut: a rate that was throttled after a few requests reveals little about the quota
 */
function recoverySuccesses(plateau: number, seen: number): number {
  const least = Math.min(MIN_RECOVERY_SUCCESSES, MAX_RECOVERY_SECS * plateau, 2 * seen);
  return Math.max(MIN_SUCCESSES_OF_ANY_RECOVERY, least, RECOVERY_SECS * plateau);
}
