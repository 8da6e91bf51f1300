import { halvesWithin } from '../../batching/size-ceiling.ts';
import type { OnTimeout } from '../../config/steps.ts';
import { FabricError, restoreError } from '../../errors.ts';
import type { SizeLimit, BatchFailure } from '../worker-protocol.ts';

/** How one try of a batch, or of a piece of one, went. */
export type Attempt = { readonly ok: true } | { readonly ok: false; readonly failure: BatchFailure };

export interface Isolation<T> {
  /** Runs the items as one batch. `isolating`: they are a piece of a batch that failed. */
  readonly attempt: (
    items: readonly T[],
    options: { readonly isolating: boolean; readonly outOfMemory: boolean },
  ) => Promise<Attempt>;
  /** An item failed by itself. */
  readonly fail: (item: T, failure: BatchFailure) => void;
  /** Returns the largest known batch size that fits in memory and finishes in time. */
  readonly ceiling: () => number;
  /** Called when a batch of `size` was too large for memory or for its time, and both its halves then succeeded. */
  readonly recovered: (size: number, limit: SizeLimit) => void;
  readonly onTimeout: OnTimeout;
}

/**
 * Runs a batch so that whatever goes wrong costs only the elements that cause it: a batch that fails is run again in
 * halves, and those in halves, until they succeed or are down to one element, which fails alone. A batch that failed
 * together with another bundle's is first run again by itself.
 *
 * With one poison element among n that is at most 2·log2(n) runs more. Pieces run one after another, in order. What is
 * above the ceiling is cut by halves before it is tried, into the same pieces that running out of memory would have given.
 *
 * A handler that returns no list of results fails for all elements, unless one of them causes it: if the first and the
 * last element of the batch fail in the same way by themselves, the elements between them fail without being run.
 *
 * @returns whether all succeeded.
 * @throws where a failure is fatal.
 */
export function runIsolated<T>(items: readonly T[], isolation: Isolation<T>): Promise<boolean> {
  return runWithinCeiling(items, { isolating: false, outOfMemory: false }, isolation);
}

async function runWithinCeiling<T>(
  items: readonly T[],
  options: { readonly isolating: boolean; readonly outOfMemory: boolean },
  isolation: Isolation<T>,
): Promise<boolean> {
  let allSucceeded = true;
  for (const [start, end] of halvesWithin(items.length, isolation.ceiling())) {
    const piece = start === 0 && end === items.length ? items : items.slice(start, end);
    const succeeded = await runPiece(piece, options, isolation);
    allSucceeded &&= succeeded;
  }
  return allSucceeded;
}

async function runPiece<T>(
  items: readonly T[],
  options: { readonly isolating: boolean; readonly outOfMemory: boolean },
  isolation: Isolation<T>,
): Promise<boolean> {
  const attempt = await isolation.attempt(items, options);
  if (attempt.ok) return true;
  const { failure } = attempt;
  if (failure.cause === 'fatal') throw new FatalBatchError(failure);
  const outOfMemory = options.outOfMemory || failure.cause === 'memory';
  if (failure.shared) return runPiece(items, { isolating: true, outOfMemory }, isolation);
  const [first] = items;
  if (items.length === 1 && first !== undefined) {
    if (failure.cause === 'timeout' && isolation.onTimeout === 'retry') return runPiece(items, options, isolation);
    // A single element may have run in two rows; where memory is short, one is worth a try.
    if (failure.cause === 'memory' && !options.outOfMemory)
      return runPiece(items, { isolating: true, outOfMemory }, isolation);
    isolation.fail(first, failure);
    return false;
  }
  if (failure.cause === 'contract' && !options.isolating) return runEndsFirst(items, failure, isolation);
  const middle = Math.ceil(items.length / 2);
  const left = await runWithinCeiling(items.slice(0, middle), { isolating: true, outOfMemory }, isolation);
  const right = await runWithinCeiling(items.slice(middle), { isolating: true, outOfMemory }, isolation);
  if (failure.tooLargeFor !== undefined && left && right) isolation.recovered(items.length, failure.tooLargeFor);
  return left && right;
}

async function runEndsFirst<T>(items: readonly T[], failure: BatchFailure, isolation: Isolation<T>): Promise<boolean> {
  let wrong = 0;
  const fail: Isolation<T>['fail'] = (item, own) => {
    if (own.cause === 'contract') wrong += 1;
    isolation.fail(item, own);
  };
  const alone = { isolating: true, outOfMemory: false };
  const first = await runPiece(items.slice(0, 1), alone, { ...isolation, fail });
  const last = await runPiece(items.slice(-1), alone, { ...isolation, fail });
  const between = items.slice(1, -1);
  if (wrong < 2) return (await runWithinCeiling(between, alone, isolation)) && first && last;
  for (const item of between) isolation.fail(item, failure);
  return false;
}

/** A failure that is the pipeline's, not the batch's. */
export class FatalBatchError extends FabricError {
  override readonly name: string;
  constructor({ error }: BatchFailure) {
    const { name, message, code = 'INFERENCE_FAILED', disposition = 'fatal' } = error;
    // Its place in the user's code is taken from its cause.
    super(code, message, { disposition, ...(error.at === undefined ? {} : { cause: restoreError(error) }) });
    this.name = name;
  }
}
