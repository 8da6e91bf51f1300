export interface Bounds {
  readonly minTasks: number;
  readonly maxTasks: number;
}

interface ScaleOut {
  readonly at: number;
  /** How many tasks were asked for before it. */
  readonly from: number;
}

/**
 * The number of tasks that a service shall have, with Application Auto Scaling's cooldowns. While that of a scale-out lasts,
 * its policy counts from what there was before, so that only a larger one adds to it; while that of a scale-in lasts,
 * there is no other one. A scale-out is never held back by a scale-in.
 * https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html#step-scaling-cooldown
 */
export class ScalingTarget {
  readonly #bounds: Bounds;
  readonly #scaleOuts = new Map<string, ScaleOut>();
  #scaledInAt = -Infinity;
  #desired: number;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#desired = bounds.minTasks;
  }

  get desired(): number {
    return this.#desired;
  }

  scaleOut(policy: string, { now, cooldownSecs }: Cooldown, toFrom: (capacity: number) => number): void {
    const last = this.#scaleOuts.get(policy);
    const isCooling = last !== undefined && now < last.at + cooldownSecs;
    const from = isCooling ? Math.min(last.from, this.#desired) : this.#desired;
    const to = this.#within(toFrom(from));
    if (to <= this.#desired) return;
    this.#scaleOuts.set(policy, { at: now, from });
    this.#desired = to;
  }

  scaleIn({ now, cooldownSecs }: Cooldown, to: number): void {
    const within = this.#within(to);
    if (within >= this.#desired || now < this.#scaledInAt + cooldownSecs) return;
    this.#scaledInAt = now;
    this.#desired = within;
  }

  #within(tasks: number): number {
    const { minTasks, maxTasks } = this.#bounds;
    return Math.min(maxTasks, Math.max(minTasks, tasks));
  }
}

export interface Cooldown {
  readonly now: number;
  readonly cooldownSecs: number;
}
