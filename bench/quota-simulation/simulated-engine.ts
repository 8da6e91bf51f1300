import type { FlowControl } from '../../lib/remote/flow/flow-control.ts';

/** An event of an engine. */
export const WAKE = 0;
export const ACCEPTED = 1;
export const THROTTLED = 2;

/** Maximum wait, after which it checks the time of its bundle. */
const MAX_SLEEP_MILLIS = 10_000;

/** Surroundings of an engine. */
export interface EngineWorld {
  /** Asks the endpoint; the answer comes to the engine as an event. */
  send(engine: SimulatedEngine, now: number): void;
  wake(engine: SimulatedEngine, at: number): void;
  /** Returns the number of requests of the next bundle; 0 without one, or if the engine has to end. */
  nextBundle(now: number): number;
  ended(engine: SimulatedEngine): void;
}

export interface EngineOptions {
  readonly index: number;
  readonly flow: FlowControl;
  /** Maximum in-flight requests of its batches. */
  readonly maxInFlight: number;
  /** Time after which it requeues the rest of a bundle. */
  readonly patienceMillis: number;
  readonly now: number;
}

/** One run of the processor: one engine with its own flow control, which processes bundle after bundle. */
export class SimulatedEngine {
  readonly index: number;
  readonly #options: EngineOptions;
  readonly #world: EngineWorld;
  /** Requests of its bundle that have not started. */
  #toDo = 0;
  #inFlight = 0;
  #deadline = 0;
  #wakeAt = Infinity;
  /** Requests that could be in flight, and wait for their turn. */
  #heldBack = 0;
  #countedAt: number;
  #waitedMillis = 0;

  constructor(options: EngineOptions, world: EngineWorld) {
    this.index = options.index;
    this.#options = options;
    this.#world = world;
    this.#countedAt = options.now;
  }

  /** Returns the total time, in milliseconds, for which requests waited for their turn since the last call. */
  drainWaitedMillis(now: number): number {
    this.#countWaited(now);
    const waited = this.#waitedMillis;
    this.#waitedMillis = 0;
    return waited;
  }

  /** Handles an event that is due. */
  happen(kind: number, now: number, startedAt: number): void {
    if (kind === WAKE) {
      if (this.#wakeAt !== now) return;
      this.#wakeAt = Infinity;
    } else {
      this.#inFlight -= 1;
      if (kind === ACCEPTED) this.#options.flow.succeeded({ now, startedAt });
      else {
        this.#toDo += 1;
        this.#options.flow.throttled({ now, startedAt });
      }
    }
    this.advance(now);
  }

  /** Sends the requests that can start. */
  advance(now: number): void {
    this.#countWaited(now);
    this.#heldBack = 0;
    this.#renewBundle(now);
    while (this.#toDo > 0 && this.#inFlight < this.#options.maxInFlight) {
      const wait = this.#options.flow.tryStart(now, 1);
      if (wait === Infinity) return;
      if (wait > 0) {
        this.#wait(now, wait);
        return;
      }
      this.#toDo -= 1;
      this.#inFlight += 1;
      this.#world.send(this, now);
    }
  }

  #wait(now: number, wait: number): void {
    this.#heldBack = Math.min(this.#toDo, this.#options.maxInFlight - this.#inFlight);
    const at = now + Math.max(1, Math.min(Math.ceil(wait), MAX_SLEEP_MILLIS));
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    this.#world.wake(this, at);
  }

  #countWaited(now: number): void {
    this.#waitedMillis += this.#heldBack * (now - this.#countedAt);
    this.#countedAt = now;
  }

  #renewBundle(now: number): void {
    // The rest is requeued, and part of the backlog.
    if (now >= this.#deadline) this.#toDo = 0;
    if (this.#toDo > 0 || this.#inFlight > 0) return;
    this.#toDo = this.#world.nextBundle(now);
    this.#deadline = now + this.#options.patienceMillis;
    if (this.#toDo === 0) this.#world.ended(this);
  }
}
