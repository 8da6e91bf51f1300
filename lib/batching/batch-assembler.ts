import type { BatchingPolicy, BatchLimits } from './batching-options.ts';

/** Elements of one key from one bundle, packed: a part of a batch that is not cut again. */
export interface BatchFragment {
  readonly key: string;
  /** Number of elements, at least 1. */
  readonly size: number;
  readonly bytes: number;
  readonly weight: number;
}

/** The timers of a clock. `globalThis` has them. */
export interface AssemblerClock {
  setTimeout(expire: () => void, millis: number): unknown;
  clearTimeout(handle: unknown): void;
}

export interface BatchAssemblerOptions<F extends BatchFragment> {
  readonly policy: BatchLimits & Pick<BatchingPolicy, 'maxBatchDurationSecs'>;
  /** Returns the number of elements that a batch of this key should have; called for every fragment. */
  readonly targetSize: (key: string) => number;
  readonly clock: AssemblerClock;
  /** Runs one batch of at least one fragment, in the order in which the fragments were offered. Must not throw. */
  readonly dispatch: (fragments: readonly F[]) => void;
}

interface HeldBatch<F> {
  readonly key: string;
  fragments: F[];
  size: number;
  bytes: number;
  weight: number;
  readonly timer: unknown;
}

/**
 * Joins the fragments of several bundles to batches, if `maxBatchDurationSecs` is set. Beam keeps only the limit on the
 * count here; this keeps all limits.
 *
 * For each key it is *empty* or *holding*. The first fragment makes it hold and starts the clock. It dispatches the
 * held fragments, and is empty again, when they reach the target size, `maxBatchBytes` or `maxBatchWeight`; before a
 * fragment that would exceed one of these; `maxBatchDurationSecs` after the first fragment; and on `flush`.
 *
 * A fragment is dispatched exactly once, unless it is cancelled, or the assembler is disposed of while it is held.
 * Fragments are never cut: one that exceeds a limit by itself is a batch by itself. A batch can be smaller than the
 * target if the next fragment does not fit: batches are less full, but never exceed the limit behind the target (a
 * learned duration, a memory ceiling).
 */
export class BatchAssembler<F extends BatchFragment> implements Disposable {
  readonly #limits: BatchLimits;
  readonly #waitMillis: number;
  readonly #targetSize: (key: string) => number;
  readonly #clock: AssemblerClock;
  readonly #dispatch: (fragments: readonly F[]) => void;
  /** In the order of their first fragments. */
  readonly #held = new Map<string, HeldBatch<F>>();
  #disposed = false;

  /** @throws {TypeError} if the policy has no `maxBatchDurationSecs`: then no fragment can be held */
  constructor({ policy, targetSize, clock, dispatch }: BatchAssemblerOptions<F>) {
    if (policy.maxBatchDurationSecs === undefined) {
      throw new TypeError(
        "Cannot join batches across bundles as 'maxBatchDurationSecs' must be set: current value is undefined",
      );
    }
    this.#limits = policy;
    this.#waitMillis = policy.maxBatchDurationSecs * 1000;
    this.#targetSize = targetSize;
    this.#clock = clock;
    this.#dispatch = dispatch;
  }

  /** @throws {TypeError} if the assembler was disposed of: the fragment would be lost */
  offer(fragment: F): void {
    if (this.#disposed) throw new TypeError('Cannot join a fragment to a batch as the assembler was disposed of');
    const target = Math.min(this.#targetSize(fragment.key), this.#limits.maxBatchSize);
    // A loop, because `dispatch` can offer the next fragment of this key.
    for (let held = this.#held.get(fragment.key); held !== undefined; held = this.#held.get(fragment.key)) {
      if (!this.#wouldExceed(held, fragment, target)) break;
      this.#release(held);
    }
    const held = this.#held.get(fragment.key) ?? this.#hold(fragment.key);
    held.fragments.push(fragment);
    held.size += fragment.size;
    held.bytes += fragment.bytes;
    held.weight = this.#weightOf(held.fragments);
    // Written so that a target of NaN holds nothing.
    const mayWait =
      held.size < target && held.bytes < this.#limits.maxBatchBytes && held.weight < this.#limits.maxBatchWeight;
    if (!mayWait) this.#release(held);
  }

  /** Dispatches all held fragments, in the order of first fragments. */
  flush(): void {
    for (const held of this.#held.values()) this.#release(held);
  }

  /**
   * Removes a fragment that is no longer wanted. The fragments held with it do not wait longer because of it.
   *
   * @returns false if it is not held: it was never offered, or is already dispatched
   */
  cancel(fragment: F): boolean {
    const held = this.#held.get(fragment.key);
    if (held === undefined || !held.fragments.includes(fragment)) return false;
    held.fragments = held.fragments.filter((other) => other !== fragment);
    if (held.fragments.length === 0) {
      this.#drop(held);
      return true;
    }
    // Summed again: a subtraction would keep rounding errors.
    held.size = held.fragments.reduce((sum, { size }) => sum + size, 0);
    held.bytes = held.fragments.reduce((sum, { bytes }) => sum + bytes, 0);
    held.weight = this.#weightOf(held.fragments);
    return true;
  }

  /** Stops every clock and drops held fragments; `flush` dispatches them before. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const held of this.#held.values()) this.#drop(held);
  }

  #wouldExceed(held: HeldBatch<F>, next: F, target: number): boolean {
    return (
      held.size + next.size > target ||
      held.bytes + next.bytes > this.#limits.maxBatchBytes ||
      this.#weightOf([...held.fragments, next]) > this.#limits.maxBatchWeight
    );
  }

  /** Returns the weight of a batch of these fragments; of padded ones, each element weighs as much as the heaviest. */
  #weightOf(fragments: readonly F[]): number {
    if (this.#limits.isWeightPadded !== true) return fragments.reduce((sum, { weight }) => sum + weight, 0);
    const size = fragments.reduce((sum, fragment) => sum + fragment.size, 0);
    return size * Math.max(0, ...fragments.map((fragment) => fragment.weight / fragment.size));
  }

  #hold(key: string): HeldBatch<F> {
    const timer = this.#clock.setTimeout(() => this.#release(held), this.#waitMillis);
    const held: HeldBatch<F> = { key, fragments: [], size: 0, bytes: 0, weight: 0, timer };
    this.#held.set(key, held);
    return held;
  }

  /** Removes the batch before it is dispatched, so that `dispatch` finds the assembler in a valid state. */
  #release(held: HeldBatch<F>): void {
    this.#drop(held);
    this.#dispatch(held.fragments);
  }

  #drop(held: HeldBatch<F>): void {
    this.#clock.clearTimeout(held.timer);
    this.#held.delete(held.key);
  }
}
