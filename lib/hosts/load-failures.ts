import { FabricError } from '../errors.ts';

/** A model that could not be loaded is not tried again for so long, so that its elements fail without a wait. */
export const LOAD_FAILURE_MEMORY_MILLIS = 60_000;

/** Which models could not be loaded a short while ago; what may pass is not kept. */
export class LoadFailures {
  readonly #failures = new Map<number, { readonly error: Error; readonly until: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(model: number, error: Error): void {
    if (error instanceof FabricError && ['retry', 'throttle'].includes(error.disposition)) return;
    this.#failures.set(model, { error, until: this.#now() + LOAD_FAILURE_MEMORY_MILLIS });
  }

  of(model: number): Error | undefined {
    const failure = this.#failures.get(model);
    if (failure === undefined || this.#now() < failure.until) return failure?.error;
    this.#failures.delete(model);
    return undefined;
  }
}
