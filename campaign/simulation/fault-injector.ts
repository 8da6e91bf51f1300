/** Fates of a call: the service refuses it, does it and its answer is lost, or the process dies before or after. */
const FAULTS = ['refused', 'answer-lost', 'killed-before', 'killed-after'] as const;
export type Fault = (typeof FAULTS)[number];

/** A source of faults, which counts those that it caused. */
export interface Faults {
  readonly counts: Readonly<Record<string, number>>;
  /** Returns true where something happens now, by the usual rate or another. */
  happens(what: string, rate?: number): boolean;
  /** Returns the fault of the next call of a process. */
  next(operation: string, process: string): Fault | undefined;
}

/** Causes no faults. */
export const NO_FAULTS: Faults = { counts: {}, happens: () => false, next: () => undefined };

export interface DeathOptions {
  /** Name of the processes that die. */
  readonly victim: string;
  /** Number of calls, from 0, before which each of them dies. */
  readonly call: number;
  /** Number of processes that die, one after another. @default 1 */
  readonly deaths?: number;
}

/** Kills the first processes of a name before their nth call, and lets everything else pass. */
export class Deaths implements Faults {
  readonly counts: Record<string, number> = {};
  readonly #victim: string;
  readonly #call: number;
  #deathsLeft: number;
  #calls = 0;

  constructor({ victim, call, deaths = 1 }: DeathOptions) {
    this.#victim = victim;
    this.#call = call;
    this.#deathsLeft = deaths;
  }

  happens(): boolean {
    return false;
  }

  /** Starts to count the calls of a new process. */
  started(process: string): void {
    if (process === this.#victim) this.#calls = 0;
  }

  next(operation: string, process: string): Fault | undefined {
    if (process !== this.#victim || this.#deathsLeft === 0) return undefined;
    this.#calls += 1;
    if (this.#calls !== this.#call + 1) return undefined;
    this.#deathsLeft -= 1;
    const name = `${operation} killed-before`;
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    return 'killed-before';
  }
}

export interface RandomFaultsOptions {
  readonly random: () => number;
  /** Share of the calls that a fault meets. */
  readonly rate: number;
  /** Maximum number of faults, so that the work can end. */
  readonly budget: number;
}

/** Causes faults at random, at a rate and up to a number. */
export class RandomFaults implements Faults {
  readonly counts: Record<string, number> = {};
  readonly #random: () => number;
  readonly #rate: number;
  #left: number;

  constructor({ random, rate, budget }: RandomFaultsOptions) {
    this.#random = random;
    this.#rate = rate;
    this.#left = budget;
  }

  happens(what: string, rate = this.#rate): boolean {
    if (this.#left === 0 || this.#random() >= rate) return false;
    this.#left -= 1;
    this.counts[what] = (this.counts[what] ?? 0) + 1;
    return true;
  }

  next(operation: string): Fault | undefined {
    const fault = FAULTS[Math.floor(this.#random() * FAULTS.length)];
    return fault !== undefined && this.happens(`${operation} ${fault}`) ? fault : undefined;
  }
}
