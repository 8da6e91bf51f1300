import { random } from '../random.ts';
import { Autoscaler } from './autoscaler.ts';
import { EventQueue } from './event-queue.ts';
import { MINUTE_SECS, MinuteSeries } from './minute-series.ts';
import { ScalingTarget } from './scaling-target.ts';
import type { ScalingSettings } from './scaling-settings.ts';
import { SimulatedFleet } from './simulated-fleet.ts';
import { type SimulatedBundle, SimulatedQueue } from './simulated-queue.ts';
import type { StartTimes } from './simulated-task.ts';

/** Bundles that are sent together. */
export interface Arrival {
  readonly at: number;
  /** Work of each bundle. */
  readonly workSecs: readonly number[];
}

/** The world around the policies; seconds from and to. */
export interface Surroundings {
  readonly seed: number;
  readonly metricLagSecs: Range;
  readonly bootSecs: Range;
  readonly imagePullSecs: Range;
  readonly modelLoadSecs: Range;
  /** Share of the datapoints of an empty queue that show a message. */
  readonly phantomShare: number;
  readonly instanceIdleSecs: number;
  readonly bundlesAtOnce: number;
}

export type Range = readonly [number, number];

/** The world at the beginning of a minute. */
export interface Sample {
  readonly minute: number;
  readonly visible: number;
  readonly taken: number;
  readonly desired: number;
  readonly serving: number;
  readonly instances: number;
}

export interface SimulationResult {
  readonly bundles: readonly SimulatedBundle[];
  readonly samples: readonly Sample[];
  readonly billedSecs: number;
  readonly tasksStarted: number;
}

/** Second of a minute at which the alarms are evaluated. */
const LOOK_PHASE_SECS = 20;
/** Maximum simulated time, to notice a simulation that does not end. */
const MAX_SIMULATED_SECS = 14 * 24 * 3600;

/** Runs virtual time until all bundles are answered and no instance is left. The same arguments give the same result. */
export function simulate(
  arrivals: readonly Arrival[],
  settings: ScalingSettings,
  surroundings: Surroundings,
): SimulationResult {
  return new Simulation(arrivals, settings, surroundings).run();
}

class Simulation {
  readonly #settings: ScalingSettings;
  readonly #sent = new MinuteSeries();
  readonly #events = new EventQueue();
  readonly #queue: SimulatedQueue;
  readonly #fleet: SimulatedFleet;
  readonly #target: ScalingTarget;
  readonly #autoscaler: Autoscaler;
  readonly #bundles: SimulatedBundle[] = [];
  readonly #samples: Sample[] = [];
  readonly #lastArrival: number;

  constructor(arrivals: readonly Arrival[], settings: ScalingSettings, surroundings: Surroundings) {
    this.#settings = settings;
    const { keptActive } = settings.design;
    const { seed, metricLagSecs, bootSecs, imagePullSecs, modelLoadSecs } = surroundings;
    // Each has its own random numbers, so that settings are compared under the same conditions.
    const lagSecs = within(metricLagSecs, random(seed));
    const phantom = random(seed + 4);
    const showsPhantom = (): boolean => phantom() < surroundings.phantomShare;
    this.#queue = new SimulatedQueue({ lagSecs, showsPhantom, keptActive });
    const boot = within(bootSecs, random(seed + 1));
    const pull = within(imagePullSecs, random(seed + 2));
    const load = within(modelLoadSecs, random(seed + 3));
    const startTimes = (): StartTimes => ({ bootSecs: boot(), imagePullSecs: pull(), modelLoadSecs: load() });
    const world = { events: this.#events, queue: this.#queue };
    this.#fleet = new SimulatedFleet({ ...surroundings, startTimes, lagSecs }, world);
    this.#target = new ScalingTarget(settings);
    const { visible, taken } = this.#queue;
    this.#autoscaler = new Autoscaler(
      settings,
      { visible, taken, running: this.#fleet.running, sent: this.#sent },
      this.#target,
    );
    this.#lastArrival = Math.max(0, ...arrivals.map(({ at }) => at));
    for (const arrival of arrivals) this.#events.add(arrival.at, () => this.#arrive(arrival));
    this.#minute(0);
  }

  run(): SimulationResult {
    for (let event = this.#events.pop(); event !== undefined; event = this.#events.pop()) {
      if (event.at > MAX_SIMULATED_SECS) throw new Error(`the simulation has not ended after ${MAX_SIMULATED_SECS} s`);
      event.happen();
    }
    const { billedSecs, started: tasksStarted } = this.#fleet;
    return { bundles: this.#bundles, samples: this.#samples, billedSecs, tasksStarted };
  }

  #arrive({ at, workSecs }: Arrival): void {
    const bundles = workSecs.map((secs) => ({ arrivedAt: at, workSecs: secs, takenAt: NaN, answeredAt: NaN }));
    this.#bundles.push(...bundles);
    this.#queue.send(bundles, at);
    this.#fleet.receive(at);
    const { intakeWakesAfterSecs: after } = this.#settings.design;
    if (after === undefined) return;
    this.#sent.add(Math.floor(at / MINUTE_SECS), bundles.length, at + after);
    this.#events.add(at + after, () => {
      this.#target.scaleOut('Intake', { now: at + after, cooldownSecs: 0 }, (capacity) => Math.max(1, capacity));
      this.#fleet.follow(this.#target.desired, at + after);
    });
  }

  #minute(now: number): void {
    this.#events.add(now, () => {
      this.#queue.sample(now);
      this.#fleet.sample(now);
      this.#sample(now);
    });
    const looksAt = now + LOOK_PHASE_SECS;
    this.#events.add(looksAt, () => {
      this.#autoscaler.look(looksAt);
      this.#fleet.follow(this.#target.desired, looksAt);
      if (!this.#isOver(looksAt)) this.#minute(now + MINUTE_SECS);
    });
  }

  #isOver(now: number): boolean {
    const left = this.#queue.visibleCount + this.#queue.takenCount + this.#fleet.tasks.length;
    return now > this.#lastArrival && left === 0;
  }

  #sample(now: number): void {
    this.#samples.push({
      minute: now / MINUTE_SECS,
      visible: this.#queue.visibleCount,
      taken: this.#queue.takenCount,
      desired: this.#target.desired,
      serving: this.#fleet.tasks.filter(({ isServing }) => isServing).length,
      instances: this.#fleet.instances,
    });
  }
}

function within([from, to]: Range, next: () => number): () => number {
  return () => from + (to - from) * next();
}
