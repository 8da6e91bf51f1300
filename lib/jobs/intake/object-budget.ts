import type { AssemblerClock } from '../../batching/batch-assembler.ts';
import { FabricError } from '../../errors.ts';
import type { Deadline } from '../fabric-ports.ts';

/**
 * Maximum time for one object while others of its call wait. An object that is cut unread takes a second, and a first
 * pass reads some gigabytes in this time. Messages are acknowledged only at the end of a call, so all of them are as late
 * as the slowest object.
 */
const MAX_BUDGET_MILLIS = 60_000;
/** Share of a call's time for objects that are new; those that need more can go on in the rest of it, or in other calls. */
const NEW_SHARE = 0.5;

class ObjectBudgetError extends FabricError {
  override readonly name = 'ObjectBudgetError';
  constructor() {
    super('OBJECT_BUDGET', "the object's time in a call with others is over", { disposition: 'retry' });
  }
}

/** Returns the time for each of `objects` new objects, of which `atOnce` are planned in parallel. */
export function budgetMillis(deadline: Deadline, objects: number, atOnce: number): number {
  const rounds = Math.max(1, Math.ceil(objects / atOnce));
  return Math.min(MAX_BUDGET_MILLIS, (deadline.remainingMillis() * NEW_SHARE) / rounds);
}

/** Returns a deadline that comes after `millis`, or when the given one does. To be disposed of after the work. */
export function withinBudget(deadline: Deadline, millis: number, clock: AssemblerClock): Deadline & Disposable {
  const budget = new AbortController();
  const timer = clock.setTimeout(() => budget.abort(new ObjectBudgetError()), millis);
  return {
    remainingMillis: () => deadline.remainingMillis(),
    signal: AbortSignal.any([deadline.signal, budget.signal]),
    [Symbol.dispose]: () => clock.clearTimeout(timer),
  };
}
