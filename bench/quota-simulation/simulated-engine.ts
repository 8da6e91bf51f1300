import type { FlowControl } from '../../lib/remote/flow/flow-control.ts';

/** What happens to an engine later. */
export const WAKE = 0;
export const ACCEPTED = 1;
export const THROTTLED = 2;

/** After which it looks at its bundle's time. */
const MAX_SLEEP_MILLIS = 10_000;

/** What an engine needs of the world around it. */
export interface EngineWorld {
  /** Asks the endpoint; the answer comes to the engine as an event. */
  send(engine: SimulatedEngine, now: number): void;
  wake(engine: SimulatedEngine, at: number): void;
  /** How many requests the next bundle has; 0 where there is none, or the engine has to end. */
  nextBundle(now: number): number;
  ended(engine: SimulatedEngine): void;
}

export interface EngineOptions {
  readonly index: number;
  readonly flow: FlowControl;
  /** Requests that its batches could have under way at once. */
  readonly maxInFlight: number;
  /** How long it works at one bundle before it hands back the rest. */
  readonly patienceMillis: number;
  readonly now: number;
}

/** One run of the processor: one engine, with a flow control of its own. It takes bundle after bundle. */
export class SimulatedEngine {
  readonly index: number;
  readonly #options: EngineOptions;
  readonly #world: EngineWorld;
  /** Requests of its bundle that are not under way. */
  #toDo = 0;
  #inFlight = 0;
  #deadline = 0;
  #wakeAt = Infinity;
  /** Requests that could be under way, and wait for their turn. */
  #heldBack = 0;
  #countedAt: number;
  #waitedMillis = 0;

  constructor(options: EngineOptions, world: EngineWorld) {
    this.index = options.index;
    this.#options = options;
    this.#world = world;
    this.#countedAt = options.now;
  }

  /** How long requests waited for their turn since this was asked last, all of them together, in milliseconds. */
  takeWaited(now: number): number {
    this.#countWaited(now);
    const waited = this.#waitedMillis;
    this.#waitedMillis = 0;
    return waited;
  }

  /** Something that was to happen does. */
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

  /** Sends what may go. */
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
    // The rest goes back to the queue, where it is a part of the backlog like any other.
    if (now >= this.#deadline) this.#toDo = 0;
    if (this.#toDo > 0 || this.#inFlight > 0) return;
    this.#toDo = this.#world.nextBundle(now);
    this.#deadline = now + this.#options.patienceMillis;
    if (this.#toDo === 0) this.#world.ended(this);
  }
}
