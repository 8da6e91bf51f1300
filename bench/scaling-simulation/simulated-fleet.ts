import { MinuteSeries, MINUTE_SECS } from './minute-series.ts';
import { type StartTimes, SimulatedTask, type TaskWorld } from './simulated-task.ts';

export interface SimulatedFleetOptions {
  readonly bundlesAtOnce: number;
  /** Time after which an instance without a task is ended; until then it can get a task. */
  readonly instanceIdleSecs: number;
  readonly startTimes: () => StartTimes;
  readonly lagSecs: () => number;
}

interface Instance {
  readonly launchedAt: number;
  task: SimulatedTask | undefined;
  idleSince: number;
}

/** The tasks of one ECS service, each on a separate instance, which is paid for from its launch to its end. */
export class SimulatedFleet {
  /** The samples of CPUUtilization: one a minute for each task that runs, and none without one. */
  readonly running = new MinuteSeries();
  readonly #options: SimulatedFleetOptions;
  readonly #world: Omit<TaskWorld, 'onIdle'>;
  readonly #instances = new Set<Instance>();
  #desired = 0;
  #billedSecs = 0;
  #started = 0;

  constructor(options: SimulatedFleetOptions, world: Omit<TaskWorld, 'onIdle'>) {
    this.#options = options;
    this.#world = world;
  }

  /** Hours of all instances that have ended. */
  get billedSecs(): number {
    return this.#billedSecs;
  }

  /** Tasks that were ever started. */
  get started(): number {
    return this.#started;
  }

  get instances(): number {
    return this.#instances.size;
  }

  get tasks(): readonly SimulatedTask[] {
    return [...this.#instances].flatMap(({ task }) => task ?? []);
  }

  /** Starts tasks, or ends unprotected ones, until their number is the desired one. */
  follow(desired: number, now: number): void {
    this.#desired = desired;
    for (let missing = desired - this.tasks.length; missing > 0; missing -= 1) this.#start(now);
    this.#endSurplus(now);
  }

  /** Lets tasks with free capacity receive waiting bundles, in turn. */
  receive(now: number): void {
    for (const task of this.tasks) task.receive(now);
  }

  sample(now: number): void {
    const running = this.tasks.filter(({ isRunning }) => isRunning).length;
    if (running > 0) this.running.add(Math.floor(now / MINUTE_SECS), running, now + this.#options.lagSecs());
  }

  #start(now: number): void {
    const warm = [...this.#instances].find(({ task }) => task === undefined);
    const instance = warm ?? { launchedAt: now, task: undefined, idleSince: now };
    this.#instances.add(instance);
    this.#started += 1;
    const { bundlesAtOnce, startTimes } = this.#options;
    const options = { now, times: startTimes(), isOnWarmInstance: warm !== undefined, bundlesAtOnce };
    instance.task = new SimulatedTask(options, { ...this.#world, onIdle: (at) => this.#endSurplus(at) });
  }

  /** ECS ends first the tasks that don't run yet. */
  #endSurplus(now: number): void {
    const endable = [...this.#instances]
      .filter(({ task }) => task !== undefined && !task.isProtected(now))
      .toSorted((one, other) => readiness(one) - readiness(other));
    for (const instance of endable.slice(0, Math.max(0, this.tasks.length - this.#desired))) this.#end(instance, now);
  }

  #end(instance: Instance, now: number): void {
    instance.task?.end();
    instance.task = undefined;
    instance.idleSince = now;
    const at = now + this.#options.instanceIdleSecs;
    this.#world.events.add(at, () => {
      if (instance.task !== undefined || instance.idleSince !== now) return;
      this.#instances.delete(instance);
      this.#billedSecs += at - instance.launchedAt;
    });
  }
}

function readiness({ task }: Instance): number {
  return Number(task?.isRunning ?? false) + Number(task?.isServing ?? false);
}
