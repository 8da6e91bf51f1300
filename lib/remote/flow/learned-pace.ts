/** Requests a second to start from. */
const FIRST_RATE = 4;
/** Below this nothing would be learned for minutes. */
const MIN_RATE = 0.1;
/** What a success adds in slow start, so that the rate doubles each second. */
const SLOW_START_STEP = Math.LN2;

/** What a throttle leaves of the rate. */
const DECREASE = 0.5;
/** Throttles within so long are one. */
const CUT_MILLIS = 1000;
/** A rate that is throttled below the one before tells of less quota for this engine: it comes back to less than that. */
const FALLEN_SHARE = 0.9;
/** But to no less than this of the one before: two throttles in a row are most often bad luck. */
const MIN_FALLEN_SHARE = 0.75;

/** The plateau is at least so many times where the curve begins. */
const MIN_RISE_RATIO = 1.25;

/**
 * So long a cut rate takes to be where it was throttled. The same for all rates, so that of engines which share a quota the
 * slower ones gain on the quicker ones.
 */
const RECOVERY_SECS = 8;
/** But so many successes at least: fewer would be throttled too often. */
const MIN_RECOVERY_SUCCESSES = 70;
const MAX_RECOVERY_SECS = 240;
const MIN_SUCCESSES_OF_ANY_RECOVERY = 20;
/**
 * CUBIC's is 3. The higher it is, the sooner the rate is back near where it was, and the longer it stays there; odd, so that
 * it goes on growing past that.
 */
const FLATNESS = 5;

/** A `Retry-After` that is longer holds all requests back, and not the refused one alone. */
const PAUSING_RETRY_AFTER_MILLIS = 2000;
const FIRST_PAUSE_MILLIS = 1000;
const MAX_PAUSE_MILLIS = 30_000;

/** Timers are late: requests that were due so long ago are caught up on. */
const SLACK_MILLIS = 20;

/**
 * Spaces requests at a rate that it learns, so that they stay just under a quota that nobody told it, and that others may
 * use too. It is told how requests end, and by nothing else.
 *
 * - Slow start: from a few a second the rate doubles each second, until the first throttle.
 * - A throttle halves the rate, once a second and a round trip at most.
 * - Then it grows as in CUBIC (RFC 9438, sections 4.2 and 4.7): quickly back near the rate that was throttled, slowly past
 *   it, and quicker again the longer nothing happens. But what it grows with is successes and not time, those of eight
 *   seconds and seventy at least: the engine finds out that it is at the quota by being refused, and pays for that with one
 *   request in a hundred or so, however many engines share the quota and whatever it is.
 * - Two refusals one after the other, the second of a request that was made after the first was known, are more than a
 *   rate that is a little too high: nothing is sent for a second, then for two, and so on. The first success after that is
 *   followed by slow start, to half of what the rate was.
 * - It grows only while it is what limits: while requests wait for it.
 *
 * Simulated, for 200 s and more in which all engines have enough to do; latency 50 to 200 ms, a burst of 10 (of 1000/s:
 * 50), with or without `Retry-After: 1`:
 *
 *     engines  quota   of it used  refused
 *           1   10/s     100 %     1.1 %
 *           1  100/s      92 %     0.2 %
 *           1 1000/s      91 %     0.1 %
 *           8  100/s      98 %     1.2 %
 *          32  100/s      98 %     1.7 %
 *         200  100/s      94 %     2.9 %
 *
 * 90 % of a quota are used again 20 s after it doubles, and 40 s after a minute in which everything was refused; after it
 * falls to a tenth, refusals are below 3 % within 80 s.
 */
export class LearnedPace {
  readonly #random: () => number;
  #rate = FIRST_RATE;
  /** Slow start ends here. */
  #threshold = Infinity;
  /** Where the curve is flat: at the rate that was throttled last, or a little below. */
  #plateau = Infinity;
  /** Where the curve began, and the successes since. */
  #origin = FIRST_RATE;
  #successes = 0;
  /** Successes before the first cut, while no other has followed: how well the plateau is known. */
  #seen = 0;
  /** When the next request is due. */
  #dueAt = -Infinity;
  #pausedUntil = -Infinity;
  #cutAt = -Infinity;
  /** Cuts since the last success. */
  #cutsInRow = 0;
  /** Whether a request has been told to wait since the last one started; whether that one had been. */
  #isWaitedFor = false;
  #limits = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  get ratePerSec(): number {
    return this.#rate;
  }

  /** Nothing starts before. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** Milliseconds until the next request may start; 0: now. */
  waitMillis(now: number): number {
    const wait = Math.max(0, this.#pausedUntil - now, this.#dueAt - SLACK_MILLIS - now);
    if (wait > 0) this.#isWaitedFor = true;
    return wait;
  }

  /** A request starts. */
  take(now: number): void {
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

  /** The request that started then was refused. */
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

  /** Goes to a rate that the curve begins from. */
  #grow(rate: number): void {
    this.#rate = rate;
    this.#origin = rate;
    this.#successes = 0;
  }

  #onCurve(): number {
    // A curve that began on its plateau, as at the least rate, would stay there.
    const plateau = Math.max(this.#plateau, this.#origin * MIN_RISE_RATIO);
    const left = 1 - this.#successes / recoverySuccesses(plateau, this.#seen);
    return plateau - (plateau - this.#origin) * left ** FLATNESS;
  }
}

/**
 * The successes after which the rate is on the plateau again.
 *
 * @param seen those before the only cut: a rate that was throttled after a few requests says little of the quota
 */
function recoverySuccesses(plateau: number, seen: number): number {
  const least = Math.min(MIN_RECOVERY_SUCCESSES, MAX_RECOVERY_SECS * plateau, 2 * seen);
  return Math.max(MIN_SUCCESSES_OF_ANY_RECOVERY, least, RECOVERY_SECS * plateau);
}
