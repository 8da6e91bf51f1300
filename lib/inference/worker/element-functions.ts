import { setTimeout as delay } from 'node:timers/promises';
import { FabricError } from '../../errors.ts';
import { isPromise } from '../../models/batch-results.ts';
import type { ElementFunction } from '../../models/model-handler.ts';
import type { BundleMeter } from './bundle-meter.ts';
import type { Progress } from '../progress.ts';
import { type FunctionStage, functionTimeout, type Stage } from '../stages.ts';
import type { WorkItem } from './work-item.ts';

/** A function of a pipeline at its stage. */
export interface StageFunction extends Stage {
  readonly fn: ElementFunction<unknown, unknown>;
  /** Applies the result to the element; an error that this throws fails the element. @default the result is the new value */
  readonly apply?: (item: WorkItem, result: unknown) => void;
}

/** Context of a bundle for the functions that run on its elements. */
export interface FunctionScope {
  readonly task: number;
  readonly progress: Progress;
  readonly timeoutSecs: number;
  /** True if that is an option of the step. @default false */
  readonly isOption?: boolean;
  /** One element at a time, so that a worker's death has one cause. */
  readonly oneByOne: boolean;
  /** Elements that are known to end a worker, by ordinal: they fail where they did it. */
  readonly known: ReadonlyMap<number, { readonly code: number; readonly error: Error }>;
  /** Fields that are for the pipeline and not for the model. @default none */
  readonly pipelineFields?: readonly string[];
  /** Measures the work on the bundle. */
  readonly meter: BundleMeter;
}

/** A function that did not come back in time. */
export class FunctionTimeoutError extends FabricError {
  override readonly name = 'TimeoutError';
  constructor(stage: FunctionStage) {
    super('FUNCTION_TIMEOUT', functionTimeout(stage), { disposition: 'poison' });
  }
}

/**
 * Runs a function on the value of each element that has no outcome yet; what it throws fails that element alone.
 * The elements' promises, where there are any, are waited for together.
 */
export function applyFunction(
  items: readonly WorkItem[],
  step: StageFunction,
  scope: FunctionScope,
): Promise<void> | undefined {
  if (scope.oneByOne) return applyOneByOne(items, step, scope);
  const pending: Promise<void>[] = [];
  const open = new Set<WorkItem>();
  for (const item of items) {
    const result = call(item, step, scope);
    if (result === undefined) continue;
    open.add(item);
    pending.push(settle(item, step, result).finally(() => open.delete(item)));
  }
  return pending.length === 0 ? undefined : inTime(Promise.all(pending), open, stageIn(step, scope));
}

async function applyOneByOne(items: readonly WorkItem[], step: StageFunction, scope: FunctionScope): Promise<void> {
  for (const item of items) {
    const result = call(item, step, scope);
    if (result === undefined) continue;
    scope.progress.enter(scope.task, item.ordinal, step.code);
    const open = new Set([item]);
    await inTime(
      settle(item, step, result).finally(() => open.delete(item)),
      open,
      stageIn(step, scope),
    );
    scope.progress.leave();
  }
}

/** Calls the function; gives its promise where it is async. */
function call(item: WorkItem, step: StageFunction, scope: FunctionScope): Promise<unknown> | undefined {
  const { fn, name, code, apply: take } = step;
  if (item.isThrough) return undefined;
  const known = scope.known.size === 0 ? undefined : scope.known.get(item.ordinal);
  if (known?.code === code) {
    item.fail(name, known.error);
    return undefined;
  }
  scope.progress.enter(scope.task, item.ordinal, code);
  try {
    const result = fn(item.value, item.context());
    if (isPromise(result)) return result;
    if (take === undefined) item.value = result;
    else take(item, result);
  } catch (error) {
    item.fail(name, error);
  } finally {
    scope.progress.leave();
  }
  return undefined;
}

async function settle(item: WorkItem, { name, apply: take }: StageFunction, result: Promise<unknown>): Promise<void> {
  try {
    const value = await result;
    if (item.failure !== undefined) return;
    if (take === undefined) item.value = value;
    else take(item, value);
  } catch (error) {
    if (item.failure === undefined) item.fail(name, error);
  }
}

function stageIn({ name }: StageFunction, { timeoutSecs, isOption = false }: FunctionScope): FunctionStage {
  return { name, timeoutSecs, isOption };
}

/** Waits for the promises, and fails the elements whose are still open when the time is over. */
async function inTime(done: Promise<unknown>, open: ReadonlySet<WorkItem>, stage: FunctionStage): Promise<void> {
  try {
    await resultInTime(done, stage);
  } catch (error) {
    for (const item of open) item.fail(stage.name, error);
  }
}

/** Returns the value of a promise. @throws its rejection, or FunctionTimeoutError after the timeout */
export async function resultInTime<T>(result: Promise<T>, stage: FunctionStage): Promise<T> {
  const clock = new AbortController();
  const late = delay(stage.timeoutSecs * 1000, undefined, { signal: clock.signal, ref: false }).then(() => {
    throw new FunctionTimeoutError(stage);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    late.catch(() => {});
    clock.abort();
  }
}
