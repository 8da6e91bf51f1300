import type { Clock } from '../../time/clock.ts';
import { EndpointBusyError } from '../endpoint/endpoint-error.ts';
import type { FlowControl } from './flow-control.ts';

/** Maximum time of a timer; after it the wait is computed again. */
const MAX_TIMER_MILLIS = 60_000;
/** Minimum time of a timer, because timers round down. */
const MIN_TIMER_MILLIS = 1;

export interface EnterOptions {
  readonly weight: number;
  /** Aborted: the request leaves the line. */
  readonly signal: AbortSignal;
  /** Maximum certain wait of the first in line: for a pause that the endpoint asked for, or a declared limit. */
  readonly patienceMillis: number;
  /** True if the request was in the line before: it goes before new requests. @default false */
  readonly again?: boolean;
}

export type RequestEnd = 'succeeded' | 'refused' | 'throttled' | 'failed';

/** Permission to make a request now. The caller ends it by one of its two methods, once. */
export interface Turn {
  readonly startedAt: number;
  ended(how: RequestEnd, retryAfterMillis?: number): void;
  abandoned(): void;
}

interface Waiting {
  readonly weight: number;
  readonly patienceMillis: number;
  readonly again: boolean;
  readonly admit: () => void;
  readonly turnAway: (reason: unknown) => void;
}

/** The line in front of an endpoint: requests wait in it, first come first served, until flow control lets them start. */
export class RequestGate {
  readonly #flow: FlowControl;
  readonly #clock: Clock;
  readonly #endpoint: string;
  /** Requests that were in the line before are at the front, in the order in which they returned. */
  readonly #line: Waiting[] = [];
  #timer: unknown;
  /** True if the first in line waits for a rate, not for the end of an in-flight request. */
  #isHeldBack = false;
  #heldBackMillis = 0;
  #countedAt = 0;

  /** @param endpoint its name in messages */
  constructor(flow: FlowControl, clock: Clock, endpoint: string) {
    this.#flow = flow;
    this.#clock = clock;
    this.#endpoint = endpoint;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /**
   * Waits for a turn.
   *
   * @throws the signal's reason; EndpointBusyError if the first in line certainly waits longer than the patience of this
   *   request. The number of requests before it does not matter.
   */
  async enter(options: EnterOptions): Promise<Turn> {
    const { weight, signal, patienceMillis, again = false } = options;
    signal.throwIfAborted();
    const foreseen = this.#flow.foreseenWaitMillis(this.#clock.now(), weight);
    if (foreseen > patienceMillis) throw new EndpointBusyError(this.#endpoint, foreseen);
    const { promise, resolve, reject } = Promise.withResolvers<Turn>();
    const waiting: Waiting = { weight, patienceMillis, again, admit: () => resolve(this.#turn()), turnAway: reject };
    const leave = (): void => this.#remove(waiting, signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    this.#insert(waiting);
    this.#pump();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /**
   * Returns the total time for which pace, limits and throttler held requests back since the last call. Time in which they
   * waited for the end of an in-flight request is not included: more engines would shorten it, but not this.
   */
  drainHeldBackMillis(): number {
    this.#countHeldBack();
    const millis = this.#heldBackMillis;
    this.#heldBackMillis = 0;
    return millis;
  }

  /** Checks the line again after a limit has changed. */
  changed(): void {
    this.#turnAwayImpatient();
    this.#pump();
  }

  #turn(): Turn {
    const startedAt = this.#clock.now();
    return {
      startedAt,
      ended: (how, retryAfterMillis) => {
        const now = this.#clock.now();
        this.#flow[how]({ now, startedAt, ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }) });
        if (how === 'throttled' || how === 'failed') this.changed();
        else this.#pump();
      },
      abandoned: () => {
        this.#flow.abandoned();
        this.#pump();
      },
    };
  }

  #countHeldBack(): void {
    const now = this.#clock.now();
    if (this.#isHeldBack) this.#heldBackMillis += this.#line.length * (now - this.#countedAt);
    this.#countedAt = now;
  }

  #insert(waiting: Waiting): void {
    this.#countHeldBack();
    if (!waiting.again) this.#line.push(waiting);
    else {
      const firstNew = this.#line.findIndex(({ again }) => !again);
      this.#line.splice(firstNew < 0 ? this.#line.length : firstNew, 0, waiting);
    }
  }

  #remove(waiting: Waiting, reason: unknown): void {
    const at = this.#line.indexOf(waiting);
    if (at < 0) return;
    this.#countHeldBack();
    this.#line.splice(at, 1);
    waiting.turnAway(reason);
    if (at === 0) this.#pump();
  }

  /** Rejects requests at once that would wait longer than their patience. */
  #turnAwayImpatient(): void {
    const now = this.#clock.now();
    for (const waiting of this.#line.slice()) {
      const foreseen = this.#flow.foreseenWaitMillis(now, waiting.weight);
      if (foreseen > waiting.patienceMillis) this.#remove(waiting, new EndpointBusyError(this.#endpoint, foreseen));
    }
  }

  /** Admits those at the front for as long as flow control lets them start. */
  #pump(): void {
    this.#countHeldBack();
    this.#isHeldBack = false;
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let [first] = this.#line; first !== undefined; [first] = this.#line) {
      const wait = this.#flow.tryStart(this.#clock.now(), first.weight);
      if (wait === Infinity) return;
      if (wait > 0) {
        this.#isHeldBack = true;
        const millis = Math.min(MAX_TIMER_MILLIS, Math.max(MIN_TIMER_MILLIS, wait));
        this.#timer = this.#clock.setTimeout(() => this.#pump(), millis);
        return;
      }
      this.#line.shift();
      first.admit();
    }
  }
}
