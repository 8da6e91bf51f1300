import type { Clock } from './clock.ts';
import { EndpointBusyError } from './endpoint-error.ts';
import type { FlowControl } from './flow-control.ts';
import type { RequestsAhead } from './token-bucket.ts';

/** `setTimeout` takes no more; it is asked again then. */
const LONGEST_TIMER_MILLIS = 60_000;
/** Timers round down. */
const LEAST_TIMER_MILLIS = 1;
/** What a batch that waited too long is told to wait, where nothing says how long it would have been. */
const COME_BACK_MILLIS = 5000;

export interface EnterOptions {
  readonly weight: number;
  /** Aborted: it leaves the line. */
  readonly signal: AbortSignal;
  /** When it waits no longer, by the clock. */
  readonly deadline: number;
  /** It was in the line before, and goes before those that were not. @default false */
  readonly again?: boolean;
}

export type RequestEnd = 'succeeded' | 'refused' | 'throttled' | 'failed';

/** A request that may be made now. To be ended by one of its two methods, once. */
export interface Turn {
  readonly startedAt: number;
  ended(how: RequestEnd, retryAfterMillis?: number): void;
  abandoned(): void;
}

interface Waiting {
  readonly weight: number;
  readonly deadline: number;
  readonly again: boolean;
  readonly admit: () => void;
  readonly turnAway: (reason: unknown) => void;
}

/** The line in front of an endpoint: requests wait here, first come first served, until flow control lets them start. */
export class RequestGate {
  readonly #flow: FlowControl;
  readonly #clock: Clock;
  readonly #endpoint: string;
  /** Those that come again are at the front, in the order in which they came back. */
  readonly #line: Waiting[] = [];
  #lineWeight = 0;
  #timer: unknown;
  /** Whether the first in line waits for a rate: not for one of those under way to end. */
  #isHeldBack = false;
  #heldBackMillis = 0;
  #countedAt = 0;

  /** @param endpoint what messages call it */
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
   * @throws the signal's reason; EndpointBusyError where it can't come before the deadline, or has not.
   */
  async enter(options: EnterOptions): Promise<Turn> {
    const { weight, signal, deadline, again = false } = options;
    signal.throwIfAborted();
    const now = this.#clock.now();
    const foreseen = this.#flow.foreseenWaitMillis(now, weight, this.#ahead(again));
    if (now + foreseen > deadline) throw new EndpointBusyError(this.#endpoint, foreseen);
    const { promise, resolve, reject } = Promise.withResolvers<Turn>();
    const waiting: Waiting = { weight, deadline, again, admit: () => resolve(this.#turn()), turnAway: reject };
    const leave = (): void => this.#remove(waiting, signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    const patience =
      deadline === Infinity
        ? undefined
        : this.#clock.setTimeout(() => this.#remove(waiting, this.#tooLong()), deadline - now);
    this.#insert(waiting);
    this.#pump();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', leave);
      if (patience !== undefined) this.#clock.clearTimeout(patience);
    }
  }

  /**
   * How long requests were held back by pace, limits and throttler since this was asked last, all of them together. Waiting
   * for a place among those under way is not in it: more engines would help against that, and not against this.
   */
  takeHeldBackMillis(): number {
    this.#countHeldBack();
    const millis = this.#heldBackMillis;
    this.#heldBackMillis = 0;
    return millis;
  }

  /** Looks again, as a limit has changed. */
  changed(): void {
    this.#turnAwayHopeless();
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

  /** Those that come again are few: they count as if they were the first in line. */
  #ahead(again: boolean): RequestsAhead {
    return again ? { requests: 0, weight: 0 } : { requests: this.#line.length, weight: this.#lineWeight };
  }

  #countHeldBack(): void {
    const now = this.#clock.now();
    if (this.#isHeldBack) this.#heldBackMillis += this.#line.length * (now - this.#countedAt);
    this.#countedAt = now;
  }

  #insert(waiting: Waiting): void {
    this.#countHeldBack();
    this.#lineWeight += waiting.weight;
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
    this.#lineWeight -= waiting.weight;
    waiting.turnAway(reason);
    if (at === 0) this.#pump();
  }

  /** Those whose turn is certain not to come in time need not wait to find out. */
  #turnAwayHopeless(): void {
    const now = this.#clock.now();
    let requests = 0;
    let weight = 0;
    for (const waiting of this.#line.slice()) {
      const foreseen = this.#flow.foreseenWaitMillis(now, waiting.weight, { requests, weight });
      if (now + foreseen > waiting.deadline) this.#remove(waiting, new EndpointBusyError(this.#endpoint, foreseen));
      else {
        requests += 1;
        weight += waiting.weight;
      }
    }
  }

  #tooLong(): EndpointBusyError {
    const foreseen = this.#flow.foreseenWaitMillis(this.#clock.now(), 0);
    return new EndpointBusyError(this.#endpoint, Math.max(COME_BACK_MILLIS, foreseen));
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
        const millis = Math.min(LONGEST_TIMER_MILLIS, Math.max(LEAST_TIMER_MILLIS, wait));
        this.#timer = this.#clock.setTimeout(() => this.#pump(), millis);
        return;
      }
      this.#line.shift();
      this.#lineWeight -= first.weight;
      first.admit();
    }
  }
}
