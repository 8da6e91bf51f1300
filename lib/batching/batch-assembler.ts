import type { BatchingPolicy, BatchLimits } from './batching-options.ts';

/** A part of a batch that one bundle brings: elements of one key, packed, that are not cut any more. */
export interface BatchFragment {
  readonly key: string;
  /** In elements, at least 1. */
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
  /** How many elements a batch of this key should have, asked at every fragment. */
  readonly targetSize: (key: string) => number;
  readonly clock: AssemblerClock;
  /** Takes the fragments of one batch, at least one, in the order in which they were offered. Must not throw. */
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
 * Joins the fragments of several bundles to batches: what `maxBatchDurationSecs` switches on. Unlike Beam's, it keeps
 * every limit here too, not the count alone.
 *
 * For each key it is *empty* or *holding*. The first fragment makes it hold and starts the clock. It dispatches what it
 * holds, and is empty again, as soon as that reaches the target size, `maxBatchBytes` or `maxBatchWeight`; before a
 * fragment that would bring it above one of these; `maxBatchDurationSecs` after the first fragment; and on `flush`.
 *
 * A fragment is dispatched exactly once, unless it is cancelled or the assembler disposed of while it is held.
 * Fragments are never cut: one that is above a limit by itself is a batch by itself, and a batch may be smaller than
 * the target because the next fragment was too large for the rest, which trades fuller batches for never exceeding what
 * the target stands for (a learned duration, a memory ceiling).
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

  /** @throws {TypeError} when the policy has no `maxBatchDurationSecs`, so that nothing may be held */
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

  /** @throws {TypeError} when the assembler was disposed of: the fragment would be lost */
  offer(fragment: F): void {
    if (this.#disposed) throw new TypeError('Cannot join a fragment to a batch as the assembler was disposed of');
    const target = Math.min(this.#targetSize(fragment.key), this.#limits.maxBatchSize);
    // A loop, since `dispatch` may offer the next fragment of this key from within.
    for (let held = this.#held.get(fragment.key); held !== undefined; held = this.#held.get(fragment.key)) {
      if (!this.#wouldExceed(held, fragment, target)) break;
      this.#release(held);
    }
    const held = this.#held.get(fragment.key) ?? this.#hold(fragment.key);
    held.fragments.push(fragment);
    held.size += fragment.size;
    held.bytes += fragment.bytes;
    held.weight += fragment.weight;
    // Written so that a target of NaN holds nothing.
    const mayWait =
      held.size < target && held.bytes < this.#limits.maxBatchBytes && held.weight < this.#limits.maxBatchWeight;
    if (!mayWait) this.#release(held);
  }

  /** Dispatches everything that is held, in the order of first fragments. */
  flush(): void {
    for (const held of this.#held.values()) this.#release(held);
  }

  /**
   * Lets go of a fragment that is no longer wanted. Those held with it wait no longer for that.
   *
   * @returns false when it is not held: never offered, or dispatched already
   */
  cancel(fragment: F): boolean {
    const held = this.#held.get(fragment.key);
    if (held === undefined || !held.fragments.includes(fragment)) return false;
    held.fragments = held.fragments.filter((other) => other !== fragment);
    if (held.fragments.length === 0) {
      this.#drop(held);
      return true;
    }
    // Summed anew: taking away would leave what rounding added.
    held.size = held.fragments.reduce((sum, { size }) => sum + size, 0);
    held.bytes = held.fragments.reduce((sum, { bytes }) => sum + bytes, 0);
    held.weight = held.fragments.reduce((sum, { weight }) => sum + weight, 0);
    return true;
  }

  /** Stops every clock and lets go of what is held; `flush` first to dispatch it. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const held of this.#held.values()) this.#drop(held);
  }

  #wouldExceed(held: HeldBatch<F>, next: F, target: number): boolean {
    return (
      held.size + next.size > target ||
      held.bytes + next.bytes > this.#limits.maxBatchBytes ||
      held.weight + next.weight > this.#limits.maxBatchWeight
    );
  }

  #hold(key: string): HeldBatch<F> {
    const timer = this.#clock.setTimeout(() => this.#release(held), this.#waitMillis);
    const held: HeldBatch<F> = { key, fragments: [], size: 0, bytes: 0, weight: 0, timer };
    this.#held.set(key, held);
    return held;
  }

  /** Empty before it dispatches, so that whatever `dispatch` does finds the assembler in order. */
  #release(held: HeldBatch<F>): void {
    this.#drop(held);
    this.#dispatch(held.fragments);
  }

  #drop(held: HeldBatch<F>): void {
    this.#clock.clearTimeout(held.timer);
    this.#held.delete(held.key);
  }
}
