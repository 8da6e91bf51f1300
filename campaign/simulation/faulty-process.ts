import { FabricError } from '../../lib/errors.ts';
import type { Deadline } from '../../lib/jobs/fabric-ports.ts';
import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import type { Faults } from './fault-injector.ts';
import type { Turns } from './turns.ts';

/** The process is gone: nothing that it does from now on has any effect. */
class KilledError extends Error {
  override readonly name = 'KilledError';
}

export interface FaultyProcessOptions {
  readonly name: string;
  readonly faults: Faults;
  readonly turns: Turns;
  /** Number of calls after which its deadline comes. @default it never comes */
  readonly deadlineAfter?: number | undefined;
  /** Time that is left at the deadline, of {@link RUN_MILLIS}. */
  readonly millisLeft: number;
}

/** Time that each run of a function has, in milliseconds. */
export const RUN_MILLIS = 60_000;

/** One process as the services see it: after it is killed, none of its calls has an effect. */
export class FaultyProcess {
  readonly deadline: Deadline;
  readonly #options: FaultyProcessOptions;
  readonly #over = new AbortController();
  #callsLeft: number;
  #killed = false;

  constructor(options: FaultyProcessOptions) {
    this.#options = options;
    this.#callsLeft = options.deadlineAfter ?? Infinity;
    const { signal } = this.#over;
    this.deadline = { signal, remainingMillis: () => (signal.aborted ? options.millisLeft : RUN_MILLIS) };
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

  /** A step of the process that no service sees: it may reach its deadline there. */
  step(): Promise<void> {
    return this.#options.turns.runInTurn(this, async () => {
      if (this.#killed) throw new KilledError('step');
      this.#countDown();
    });
  }

  #call<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
    const { turns } = this.#options;
    return turns.runInTurn(this, () => this.#inTurn(operation, work));
  }

  async #inTurn<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#killed) throw new KilledError(operation);
    this.#countDown();
    const fault = this.#options.faults.next(operation, this.#options.name);
    if (fault === 'refused') throw unavailable(operation);
    if (fault === 'killed-before') throw this.#kill(operation);
    const result = await work();
    if (this.#killed) throw new KilledError(operation);
    if (fault === 'killed-after') throw this.#kill(operation);
    if (fault === 'answer-lost') throw unavailable(operation);
    return result;
  }

  #countDown(): void {
    this.#callsLeft -= 1;
    if (this.#callsLeft <= 0) this.#over.abort(new Error('the deadline'));
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
