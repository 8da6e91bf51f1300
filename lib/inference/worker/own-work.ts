import type { FunctionScope } from './element-functions.ts';
import type { Place } from '../progress.ts';
import type { Stage } from '../stages.ts';

/**
 * Work of the fabric itself on one element at a stage, such as reading or packing it, in a process that runs elements
 * one by one. An element that ends the process there, or keeps it for too long, fails there when its bundle starts over.
 */
export class OwnWork {
  readonly #scope: FunctionScope;
  readonly #stage: Stage;

  private constructor(scope: FunctionScope, stage: Stage) {
    this.#scope = scope;
    this.#stage = stage;
  }

  /** Returns undefined in a thread: its loss is laid to no element, and following each costs time. */
  static of(scope: FunctionScope, stage: Stage): OwnWork | undefined {
    return scope.oneByOne ? new OwnWork(scope, stage) : undefined;
  }

  /** Returns the failure of an element that has ended a worker at this stage before. */
  known(ordinal: number): Error | undefined {
    const known = this.#scope.known.get(ordinal);
    return known?.code === this.#stage.code ? known.error : undefined;
  }

  /** Runs work on an element. @throws its failure, where that is known */
  run<T>(ordinal: number, work: () => T): T {
    const known = this.known(ordinal);
    if (known !== undefined) throw known;
    return this.#scope.progress.within(this.#placeOf(ordinal), work);
  }

  /** Marks work on an element that is awaited, until it is disposed. */
  hold(ordinal: number): Disposable {
    return this.#scope.progress.hold(this.#placeOf(ordinal));
  }

  #placeOf(ordinal: number): Place {
    return { task: this.#scope.task, ordinal, stage: this.#stage.code };
  }
}
