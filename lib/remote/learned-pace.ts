/** Requests a second to start from. */
const FIRST_RATE = 4;
/** Below this nothing would be learned for minutes. */
const LEAST_RATE = 0.1;
/** What is left of the rate after a throttle. */
const DECREASE = 0.5;
/** What the old rate counts for where the quota may have fallen: CUBIC's fast convergence. */
const FALLEN = 0.9;
/** Successes after which the rate is where it was at the throttle: of a rate of 12.5/s, and the least of any. */
const RECOVERY = 130;
const RECOVERY_RATE = 12.5;
const LEAST_RECOVERY = 85;
const RECOVERY_POWER = 2 / 3;
const FLATNESS = 5;
/** A success in slow start adds so much: the rate doubles each second. */
const SLOW_START_STEP = Math.LN2;
/** Throttles within so long are one. */
const CUT_MILLIS = 1000;
/** A longer `Retry-After` holds all requests back, not the refused one alone. */
const PAUSING_RETRY_AFTER_MILLIS = 2000;
const FIRST_PAUSE_MILLIS = 1000;
const LONGEST_PAUSE_MILLIS = 30_000;
/** Requests may be late by so much and be caught up on: timers are. */
const SLACK_MILLIS = 20;

export class LearnedPace {
  readonly #random: () => number;
  #rate = FIRST_RATE;
  /** The rate that slow start goes up to. */
  #threshold = Infinity;
  /** The rate before the last throttle, where the cubic is flat. */
  #plateau = Infinity;
  /** Successes since the cubic began, and the rate that it began from. */
  #successes = 0;
  #origin = FIRST_RATE;
  /** When the next request is due. */
  #dueAt = -Infinity;
  #pausedUntil = -Infinity;
  #cutAt = -Infinity;
  /** Cuts since the last success. */
  #cutsInRow = 0;
  /** Whether the pace is what limits: a request had to wait for it. */
  #limits = false;
  #asked = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  get ratePerSec(): number {
    return this.#rate;
  }

  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  waitMillis(now: number): number {
    const wait = Math.max(this.#pausedUntil - now, this.#dueAt - SLACK_MILLIS - now, 0);
    if (wait > 0) this.#asked = true;
    return wait;
  }

  take(now: number): void {
    this.#limits = this.#asked;
    this.#asked = false;
    this.#dueAt = Math.max(now, this.#dueAt) + 1000 / this.#rate;
  }

  succeeded(): void {
    this.#cutsInRow = 0;
    if (this.#limits) this.#setRate(this.#grown());
  }

  throttled(now: number, startedAt: number, retryAfterMillis = 0): void {
    if (retryAfterMillis > PAUSING_RETRY_AFTER_MILLIS) this.#pause(now, retryAfterMillis);
    if (startedAt < this.#cutAt) return;
    if (now - this.#cutAt < CUT_MILLIS && this.#cutsInRow === 0) return;
    this.#cutAt = now;
    this.#cutsInRow += 1;
    if (this.#cutsInRow === 1) this.#cut();
    else {
      this.#backOff(now, retryAfterMillis);
    }
  }

  #cut(): void {
    const fell = this.#rate < this.#plateau;
    this.#plateau = fell ? this.#rate * FALLEN : this.#rate;
    this.#threshold = Math.max(LEAST_RATE, this.#rate * DECREASE);
    this.#setRate(this.#threshold);
    this.#beginCubic();
  }

  #backOff(now: number, retryAfterMillis: number): void {
    const pause = Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS * 2 ** (this.#cutsInRow - 2));
    this.#pause(now, Math.max(retryAfterMillis, pause * (0.5 + this.#random() / 2)));
    this.#setRate(this.#rate * DECREASE);
  }

  #pause(now: number, millis: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, now + millis);
  }

  #grown(): number {
    if (this.#rate < this.#threshold) {
      const rate = this.#rate + SLOW_START_STEP;
      this.#beginCubic(Math.min(rate, this.#threshold));
      return Math.min(rate, this.#threshold);
    }
    this.#successes += 1;
    const left = 1 - this.#successes / recoveryOf(this.#plateau);
    const cubic = this.#plateau - (this.#plateau - this.#origin) * left ** FLATNESS;
    return Math.min(this.#rate + SLOW_START_STEP, Math.max(this.#rate, cubic));
  }

  #beginCubic(rate = this.#rate): void {
    this.#successes = 0;
    this.#origin = rate;
  }

  #setRate(rate: number): void {
    this.#rate = Math.max(LEAST_RATE, rate);
  }
}

function recoveryOf(rate: number): number {
  const T = Number(process.env.T ?? 240);
  return Math.max(
    Math.min(LEAST_RECOVERY, Math.max(20, T * rate)),
    RECOVERY * (rate / RECOVERY_RATE) ** RECOVERY_POWER,
  );
}
