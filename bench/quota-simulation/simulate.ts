import { FlowControl } from '../../lib/remote/flow/flow-control.ts';
import { decide } from '../../lib/remote/governor/decide.ts';
import { FIRST_STATE, parseState, serializeState } from '../../lib/remote/governor/state.ts';
import { random } from '../random.ts';
import { MinuteMetrics } from './minute-metrics.ts';
import { type QuotaChange, SimulatedEndpoint } from './simulated-endpoint.ts';
import { ACCEPTED, SimulatedEngine, THROTTLED, WAKE, type EngineWorld } from './simulated-engine.ts';
import { TimingWheel } from './timing-wheel.ts';

const SECOND = 1000;
const MINUTE = 60_000;
/** Second of a minute at which the governor runs. */
const GOVERNOR_PHASE = 7 * SECOND;
/** Concurrent runs with which Lambda's poller starts, and runs that it adds per second (300 per minute). */
const FIRST_POLLED = 5;
const POLLED_EACH_SEC = 5;
/** Minimum of its limit. */
const LEAST = 2;
/** Latency of a 429. */
const REFUSAL_MILLIS = 30;
const KINDS = 4;

export interface SimulationOptions {
  readonly seed: number;
  readonly secs: number;
  /** Requests a second, from second 0 on. */
  readonly quota: readonly QuotaChange[];
  /** Maximum number of engines, with and without a governor. */
  readonly wanted: number;
  readonly governed: boolean;
  /** Maximum in-flight requests of one engine. */
  readonly maxInFlight: number;
  /** Mean latency of an answer; latencies are uniform between half of it and one and a half times it. */
  readonly latencyMillis: number;
  readonly bundleRequests: number;
  /** Time after which an engine requeues the rest of a bundle. */
  readonly patienceMillis: number;
  /** Receives the governor's reason, once a minute. */
  readonly onDecision?: (reason: string) => void;
  /** Returns true while there is a backlog. @default always */
  readonly busy?: (secs: number) => boolean;
}

/** One second of a simulation. */
export interface Sample {
  readonly secs: number;
  readonly quota: number;
  readonly accepted: number;
  readonly throttled: number;
  /** Total time for which requests waited for their turn in this second. */
  readonly waitedMillis: number;
  /** Engines that run. */
  readonly engines: number;
  /** Maximum number of engines. */
  readonly concurrency: number;
}

/** Runs virtual time, request by request, in whole milliseconds. The same options give the same samples. */
export function simulate(options: SimulationOptions): readonly Sample[] {
  const simulation = new Simulation(options);
  return Array.from({ length: options.secs }, (_, secs) => simulation.second(secs));
}

class Simulation implements EngineWorld {
  readonly #options: SimulationOptions;
  readonly #random: () => number;
  readonly #endpoint: SimulatedEndpoint;
  readonly #wheel = new TimingWheel();
  readonly #metrics = new MinuteMetrics();
  readonly #engines: (SimulatedEngine | undefined)[] = [];
  readonly #freeIndices: number[] = [];
  /** As it is stored between runs. */
  #state: string | undefined;
  #concurrency: number;
  #running = 0;
  #polled = FIRST_POLLED;
  #accepted = 0;
  #throttled = 0;
  #waitedMillis = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = random(options.seed);
    this.#endpoint = new SimulatedEndpoint(options.quota);
    this.#concurrency = options.governed ? Math.min(options.wanted, FIRST_STATE.concurrency) : options.wanted;
  }

  second(secs: number): Sample {
    const start = secs * SECOND;
    if (this.#options.governed && start % MINUTE === GOVERNOR_PHASE) this.#govern(start);
    this.#poll(start);
    for (let now = start; now < start + SECOND; now += 1) {
      this.#wheel.run(now, (what, startedAt) => this.#happen(what, now, startedAt));
    }
    for (const engine of this.#engines) this.#waitedMillis += engine?.drainWaitedMillis(start + SECOND) ?? 0;
    return this.#sample(secs);
  }

  send(engine: SimulatedEngine, now: number): void {
    const latency = Math.round(this.#options.latencyMillis * (0.5 + this.#random()));
    const accepted = this.#endpoint.accepts(now);
    // A refusal is quick, whatever an answer takes.
    const at = now + (accepted ? latency : REFUSAL_MILLIS);
    this.#wheel.add(at, engine.index * KINDS + (accepted ? ACCEPTED : THROTTLED), now);
  }

  wake(engine: SimulatedEngine, at: number): void {
    this.#wheel.add(at, engine.index * KINDS + WAKE, at);
  }

  nextBundle(now: number): number {
    return this.#running <= this.#concurrency && this.#isBusy(now) ? this.#options.bundleRequests : 0;
  }

  ended(engine: SimulatedEngine): void {
    this.#engines[engine.index] = undefined;
    this.#freeIndices.push(engine.index);
    this.#running -= 1;
  }

  #isBusy(now: number): boolean {
    return this.#options.busy?.(now / SECOND) ?? true;
  }

  #happen(what: number, now: number, startedAt: number): void {
    const kind = what % KINDS;
    if (kind === ACCEPTED) this.#accepted += 1;
    if (kind === THROTTLED) this.#throttled += 1;
    this.#engines[(what - kind) / KINDS]?.happen(kind, now, startedAt);
  }

  /** Starts engines as Lambda's poller does. */
  #poll(now: number): void {
    if (!this.#isBusy(now)) return;
    const most = Math.min(this.#concurrency, this.#options.wanted, this.#polled);
    while (this.#running < most) this.#start(now);
    this.#polled = Math.max(FIRST_POLLED, this.#running) + POLLED_EACH_SEC;
  }

  #start(now: number): void {
    const { maxInFlight, patienceMillis } = this.#options;
    const index = this.#freeIndices.pop() ?? this.#engines.length;
    const flow = new FlowControl({ maxConcurrency: maxInFlight, now, random: this.#random });
    const engine = new SimulatedEngine({ index, flow, maxInFlight, patienceMillis, now }, this);
    this.#engines[index] = engine;
    this.#running += 1;
    engine.advance(now);
  }

  #govern(now: number): void {
    const observation = {
      now,
      minutes: this.#metrics.shownAt(now),
      waiting: this.#isBusy(now) && this.#options.wanted > this.#running ? 1000 : 0,
      working: this.#running,
    };
    const { concurrency, state, reason } = decide(parseState(this.#state), observation, {
      least: LEAST,
      ceiling: Math.max(LEAST, this.#options.wanted),
    });
    this.#concurrency = concurrency;
    this.#state = serializeState(state);
    this.#options.onDecision?.(reason);
  }

  #sample(secs: number): Sample {
    const counts = { accepted: this.#accepted, throttled: this.#throttled, waitedMillis: this.#waitedMillis };
    this.#accepted = 0;
    this.#throttled = 0;
    this.#waitedMillis = 0;
    this.#metrics.add(secs * SECOND, counts);
    const quota = this.#endpoint.quotaAt(secs * SECOND);
    return { secs, quota, ...counts, engines: this.#running, concurrency: this.#concurrency };
  }
}
