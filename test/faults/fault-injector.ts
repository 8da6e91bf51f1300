import { FabricError } from '../../lib/errors.ts';
import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';

/** The process is gone: nothing that it does from now on has any effect. */
export class KilledError extends Error {
  override readonly name = 'KilledError';
}

/** What happens at a call: the service refuses it, does it and its answer is lost, or the process dies before or after. */
const FAULTS = ['refused', 'answer-lost', 'killed-before', 'killed-after'] as const;
export type Fault = (typeof FAULTS)[number];

/** Chooses what goes wrong, and counts it. */
export interface Faults {
  readonly counts: Readonly<Record<string, number>>;
  /** Whether something happens now, by its usual rate or another. */
  happens(what: string, rate?: number): boolean;
  /** What happens to the next call of a process. */
  next(operation: string, process: string): Fault | undefined;
}

/** Kills the first process of a name before its nth call, from 0, and lets everything else pass. */
export class OneDeath implements Faults {
  readonly counts: Record<string, number> = {};
  readonly #victim: string;
  #callsLeft: number;

  constructor(victim: string, call: number) {
    this.#victim = victim;
    this.#callsLeft = call;
  }

  happens(): boolean {
    return false;
  }

  next(operation: string, process: string): Fault | undefined {
    if (process !== this.#victim) return undefined;
    this.#callsLeft -= 1;
    if (this.#callsLeft !== -1) return undefined;
    this.counts[`${operation} killed-before`] = 1;
    return 'killed-before';
  }
}

/** Lets things go wrong at random, at a rate, and so many at most, so that the work can end. */
export class RandomFaults implements Faults {
  readonly counts: Record<string, number> = {};
  readonly #random: () => number;
  readonly #rate: number;
  #left: number;

  constructor(random: () => number, rate: number, budget: number) {
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

/** One process as the services see it: once it is killed, none of its calls is done any more. */
export class FaultyProcess {
  readonly #faults: Faults;
  readonly #name: string;
  #killed = false;

  constructor(faults: Faults, name: string) {
    this.#faults = faults;
    this.#name = name;
  }

  get killed(): boolean {
    return this.#killed;
  }

  store(inner: ObjectStore): ObjectStore {
    return {
      head: (...args) => this.#call('head', () => inner.head(...args)),
      get: (...args) => this.#call('get', () => inner.get(...args)),
      put: (...args) => this.#call('put', () => inner.put(...args)),
      copy: (...args) => this.#call('copy', () => inner.copy(...args)),
      delete: (...args) => this.#call('delete', () => inner.delete(...args)),
      list: (...args) => this.#list(() => inner.list(...args)),
    };
  }

  queue(inner: MessageQueue): MessageQueue {
    return {
      send: (...args) => this.#call('send', () => inner.send(...args)),
      receive: (...args) => inner.receive(...args),
      delete: (...args) => this.#call('acknowledge', () => inner.delete(...args)),
      changeVisibility: (...args) => this.#call('changeVisibility', () => inner.changeVisibility(...args)),
    };
  }

  async #call<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#killed) throw new KilledError(operation);
    const fault = this.#faults.next(operation, this.#name);
    if (fault === 'refused') throw unavailable(operation);
    if (fault === 'killed-before') throw this.#kill(operation);
    const result = await work();
    if (this.#killed) throw new KilledError(operation);
    if (fault === 'killed-after') throw this.#kill(operation);
    if (fault === 'answer-lost') throw unavailable(operation);
    return result;
  }

  async *#list<Item>(work: () => AsyncIterable<Item>): AsyncGenerator<Item> {
    await this.#call('list', () => Promise.resolve());
    yield* work();
  }

  #kill(operation: string): KilledError {
    this.#killed = true;
    return new KilledError(operation);
  }
}

function unavailable(operation: string): FabricError {
  return new FabricError('STORE_UNAVAILABLE', `${operation}: 503 Slow Down`, { disposition: 'retry' });
}
