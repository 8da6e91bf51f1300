import type { EventQueue } from './event-queue.ts';
import type { SimulatedBundle, SimulatedQueue } from './simulated-queue.ts';

/** How long it takes a task to begin, in seconds. */
export interface StartTimes {
  /** From the wish for an instance to one that is in the cluster. */
  readonly bootSecs: number;
  readonly imagePullSecs: number;
  readonly modelLoadSecs: number;
}

export interface TaskWorld {
  readonly events: EventQueue;
  readonly queue: SimulatedQueue;
  /** Called when the task can be ended: it has no bundle, and is no longer protected. */
  readonly onIdle: (now: number) => void;
}

export interface SimulatedTaskOptions {
  readonly now: number;
  readonly times: StartTimes;
  /** It is started on an instance that is there, with the image. */
  readonly isOnWarmInstance: boolean;
  /** Bundles that it has in flight at most; it works on one after the other. */
  readonly bundlesAtOnce: number;
}

/** Idle time before a task releases its protection (functions/gpu-worker/task-protection.ts). */
const PROTECTED_SECS = 5;

/**
 * One task of the service, on a separate instance.
 *
 *     starting  boot and image, neither of them on an instance that is there already
 *     loading   runs, and loads its models
 *     serving   receives bundles; protected from scale-in while it has some and for a moment afterwards
 *     ended
 */
export class SimulatedTask {
  readonly #world: TaskWorld;
  readonly #options: SimulatedTaskOptions;
  readonly #bundles: SimulatedBundle[] = [];
  #state: 'starting' | 'loading' | 'serving' | 'ended' = 'starting';
  #protectedUntil = -Infinity;

  constructor(options: SimulatedTaskOptions, world: TaskWorld) {
    this.#world = world;
    this.#options = options;
    const { now, times, isOnWarmInstance } = options;
    const runsAt = now + (isOnWarmInstance ? 0 : times.bootSecs + times.imagePullSecs);
    world.events.add(runsAt, () => this.#to('loading'));
    world.events.add(runsAt + times.modelLoadSecs, () => {
      this.#to('serving');
      this.receive(runsAt + times.modelLoadSecs);
    });
  }

  /** True if its container runs, as ECS counts it. */
  get isRunning(): boolean {
    return this.#state === 'loading' || this.#state === 'serving';
  }

  get isServing(): boolean {
    return this.#state === 'serving';
  }

  isProtected(now: number): boolean {
    return this.#bundles.length > 0 || now < this.#protectedUntil;
  }

  /** Receives bundles up to its capacity. */
  receive(now: number): void {
    if (this.#state !== 'serving') return;
    const { queue } = this.#world;
    const room = this.#options.bundlesAtOnce - this.#bundles.length;
    if (room === 0 || queue.visibleCount === 0) return;
    const wasIdle = this.#bundles.length === 0;
    this.#bundles.push(...queue.receive(room, now));
    if (wasIdle) this.#work(now);
  }

  end(): void {
    this.#state = 'ended';
  }

  #to(state: 'loading' | 'serving'): void {
    if (this.#state !== 'ended') this.#state = state;
  }

  #work(now: number): void {
    const [bundle] = this.#bundles;
    if (bundle === undefined) return this.#rest(now);
    const at = now + bundle.workSecs;
    this.#world.events.add(at, () => {
      this.#bundles.shift();
      this.#world.queue.delete(bundle, at);
      const before = this.#bundles.length;
      this.receive(at);
      // If none was left, receiving has already started the next one.
      if (before > 0 || this.#bundles.length === 0) this.#work(at);
    });
  }

  #rest(now: number): void {
    const until = now + PROTECTED_SECS;
    this.#protectedUntil = until;
    this.#world.events.add(until, () => this.#world.onIdle(until));
  }
}
