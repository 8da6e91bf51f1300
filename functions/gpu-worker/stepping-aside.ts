import { type Clock, SYSTEM_CLOCK } from '../../lib/remote/flow/clock.ts';
import type { GovernorState } from '../../lib/remote/governor/state.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';

export interface SteppingAsideOptions {
  readonly telemetry: Pick<Telemetry, 'info'>;
  /** Milliseconds since 1970, by which the governor says when it ran. @default `Date.now` */
  readonly now?: () => number;
  readonly random?: () => number;
  readonly clock?: Clock;
}

/** What is older says nothing of now: the governor runs once a minute, while there is work. */
const RECENT_MILLIS = 3 * 60_000;
/** Tasks that are gone are still counted for some minutes. */
const DRAW_EVERY_MILLIS = 10 * 60_000;
/** ECS ends a task that is too many within seconds; who is still there after so long without a bundle is none. */
const WAIT_MILLIS = 2 * 60_000;

/**
 * Makes tasks go that are more than the governor allows. A task at work is protected from ECS, and under a backlog each of
 * them always is: so some, drawn by chance, step aside.
 *
 *     taking bundles -(drawn)-> aside -(has had no bundle for a while and is still there, or is not too many)-> taking bundles
 */
export class SteppingAside {
  readonly #options: SteppingAsideOptions;
  readonly #clock: Clock;
  #drawnAt = -Infinity;
  #bundles = 0;
  #aside: PromiseWithResolvers<void> | undefined;
  #timer: unknown;

  constructor(options: SteppingAsideOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  /** Takes what the governor has published. */
  hear({ concurrency, runs }: Pick<GovernorState, 'concurrency' | 'runs'>): void {
    const { now = Date.now, random = Math.random } = this.#options;
    const { at = -Infinity, working = 0 } = runs.at(-1) ?? {};
    const share = Math.abs(now() - at) <= RECENT_MILLIS ? 1 - concurrency / Math.max(concurrency, working) : 0;
    if (share === 0) this.#return();
    if (share === 0 || this.#aside !== undefined || this.#clock.now() - this.#drawnAt < DRAW_EVERY_MILLIS) return;
    this.#drawnAt = this.#clock.now();
    if (random() >= share) return;
    this.#options.telemetry.info('the worker steps aside, as there are too many', { allowed: concurrency, working });
    this.#aside = Promise.withResolvers();
    this.setBundles(this.#bundles);
  }

  /** Is told how many bundles are at work. */
  setBundles(bundles: number): void {
    this.#bundles = bundles;
    this.#clock.clearTimeout(this.#timer);
    if (this.#aside === undefined || bundles > 0) return;
    this.#timer = this.#clock.setTimeout(() => this.#return(), WAIT_MILLIS);
  }

  /** Resolves when bundles may be taken. */
  async turn(): Promise<void> {
    await this.#aside?.promise;
  }

  #return(): void {
    if (this.#aside === undefined) return;
    this.#options.telemetry.info('the worker takes bundles again');
    this.#clock.clearTimeout(this.#timer);
    this.#aside.resolve();
    this.#aside = undefined;
  }
}
