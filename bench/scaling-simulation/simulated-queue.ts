import { MINUTE_SECS, MinuteSeries } from './minute-series.ts';

/** One bundle from its arrival to its answer; times are in seconds of the simulation. */
export interface SimulatedBundle {
  readonly arrivedAt: number;
  /** Seconds of work for a task. */
  readonly workSecs: number;
  takenAt: number;
  answeredAt: number;
}

export interface SimulatedQueueOptions {
  /** From a datapoint's time to when it is shown. */
  readonly lagSecs: () => number;
  /** Returns true if a datapoint shows a message that does not exist. */
  readonly showsPhantom: () => boolean;
  /** True if the queue is queried every few hours, so that its metrics never stop. */
  readonly keptActive: boolean;
}

/**
 * Time after which an unused queue has no metrics. When it is used again, they may be late.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html
 */
const ACTIVE_SECS = 6 * 3600;
const ACTIVATION_SECS = 15 * 60;

/** SQS: messages in the order of their arrival, and what CloudWatch shows of their numbers. */
export class SimulatedQueue {
  readonly visible = new MinuteSeries();
  readonly taken = new MinuteSeries();
  readonly #options: SimulatedQueueOptions;
  readonly #waiting: SimulatedBundle[] = [];
  #next = 0;
  #taken = 0;
  #usedAt = -Infinity;
  #metricsFrom = 0;

  constructor(options: SimulatedQueueOptions) {
    this.#options = options;
  }

  get visibleCount(): number {
    return this.#waiting.length - this.#next;
  }

  get takenCount(): number {
    return this.#taken;
  }

  send(bundles: readonly SimulatedBundle[], now: number): void {
    if (!this.#isActive(now)) this.#metricsFrom = now + ACTIVATION_SECS;
    this.#usedAt = now;
    this.#waiting.push(...bundles);
  }

  receive(atMost: number, now: number): readonly SimulatedBundle[] {
    this.#usedAt = now;
    const bundles = this.#waiting.slice(this.#next, this.#next + atMost);
    this.#next += bundles.length;
    this.#taken += bundles.length;
    for (const bundle of bundles) bundle.takenAt = now;
    return bundles;
  }

  delete(bundle: SimulatedBundle, now: number): void {
    this.#usedAt = now;
    this.#taken -= 1;
    bundle.answeredAt = now;
  }

  /** Takes the datapoints of a minute that begins. */
  sample(now: number): void {
    if (!this.#isActive(now) || now < this.#metricsFrom) return;
    const minute = Math.floor(now / MINUTE_SECS);
    const shownAt = now + this.#options.lagSecs();
    const phantom = this.visibleCount === 0 && this.#options.showsPhantom() ? 1 : 0;
    this.visible.add(minute, this.visibleCount + phantom, shownAt);
    this.taken.add(minute, this.takenCount, shownAt);
  }

  #isActive(now: number): boolean {
    return this.#options.keptActive || this.visibleCount + this.#taken > 0 || now - this.#usedAt <= ACTIVE_SECS;
  }
}
