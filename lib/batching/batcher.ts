import type { BatchLimits } from './batching-options.ts';
import { OpenOrder, type Place } from './open-order.ts';

/**
 * What closed a batch: its size, a limit on its bytes or weight, the bound on its lag, or the end of the bundle.
 */
export type BatchClosedBy = 'size' | 'bytes' | 'weight' | 'lag' | 'end';

/** Elements of one lane and key that run together. Never empty. */
export interface Batch<T> {
  readonly lane: number;
  readonly key: string;
  readonly items: readonly T[];
  readonly bytes: number;
  readonly weight: number;
  readonly closedBy: BatchClosedBy;
}

/** How the batches of one model are cut. */
export interface LaneOptions {
  readonly policy: BatchLimits;
  /**
   * How many elements a batch of this key should have, asked once when its first element comes. What is above
   * `maxBatchSize` counts as that, what is below 1 as 1.
   */
  readonly targetSize: (key: string) => number;
}

/** What holds for all lanes. */
export interface BatcherOptions {
  /** The most elements, of all keys, that may be added after a batch's first one while it is open. */
  readonly maxLagElements: number;
  /** The most bytes, of elements of all keys, that may be added after a batch's first one while it is open. */
  readonly maxLagBytes: number;
}

interface Lane<T> extends LaneOptions {
  readonly index: number;
  readonly open: Map<string, OpenBatch<T>>;
}

interface OpenBatch<T> {
  readonly lane: Lane<T>;
  readonly key: string;
  readonly target: number;
  readonly items: T[];
  /** What had been added before its first element. */
  readonly elementsBefore: number;
  readonly bytesBefore: number;
  bytes: number;
  weight: number;
  /** Its place among the open batches, which keeps nothing of it when it is closed. */
  place?: Place<OpenBatch<T>>;
}

const NONE: readonly never[] = Object.freeze([]);

/** Whether an element by itself weighs more than a batch may. The policy's `oversizeElements` says what then. */
export function isOversize(policy: Pick<BatchLimits, 'maxBatchWeight'>, weight: number): boolean {
  return weight > policy.maxBatchWeight;
}

/**
 * Cuts a sequence of elements into batches, one open batch a lane (a model) and key (a shape, a bucket). Keeps what Beam's
 * `BatchElements` doesn't: no batch is ever empty, and every limit holds at once.
 *
 * - Each element ends in exactly one batch, in the order of its lane and key.
 * - `maxBatchSize`, `maxBatchBytes` and `maxBatchWeight` hold for every batch, but for one that is a single element
 *   larger than a limit by itself.
 * - Never more than `maxPendingElements` and `maxPendingBytes` wait when `add` returns: the batch whose first element
 *   is oldest is closed first, so a rare key holds nothing back for long.
 * - The batches are a pure function of the elements added and of what `targetSize` answered; where that is constant, of
 *   the elements alone.
 */
export class Batcher<T> {
  readonly #lanes: (Lane<T> | undefined)[] = [];
  readonly #maxLagElements: number;
  readonly #maxLagBytes: number;
  /** In the order of their first elements: a batch enters with its first, and leaves when it closes. */
  readonly #open = new OpenOrder<OpenBatch<T>>();
  /** The one added to last, if it is still open: most sequences stay with a key for long. */
  #last: OpenBatch<T> | undefined;
  #addedElements = 0;
  #addedBytes = 0;

  /** @throws {RangeError} when a bound on the lag is not positive */
  constructor({ maxLagElements, maxLagBytes }: BatcherOptions) {
    for (const [option, value] of Object.entries({ maxLagElements, maxLagBytes })) {
      if (!(value > 0)) throw new RangeError(`Cannot batch as '${option}' must be above 0: current value is ${value}`);
    }
    this.#maxLagElements = maxLagElements;
    this.#maxLagBytes = maxLagBytes;
  }

  /** Opens a lane, by a number of the caller's; its elements share no batch with those of any other. */
  openLane(index: number, options: LaneOptions): void {
    this.#lanes[index] = { ...options, index, open: new Map() };
  }

  /**
   * @param key elements of different keys never share a batch
   * @param bytes of the element's tensors
   * @param weight as `elementSizeFn` measured it; 1, or whatever else, where there is no `maxBatchWeight`
   * @returns the batches that this element closed, in the order in which they closed; usually none
   * @throws {RangeError} when bytes or weight are negative or not finite, or there is no such lane; the element is then
   *   not in any batch, and nothing else has changed
   */
  add(key: string, item: T, bytes: number, weight: number, laneIndex = 0): readonly Batch<T>[] {
    const lane = this.#lanes[laneIndex];
    if (lane === undefined) throw new RangeError(`Cannot batch an element as there is no lane ${laneIndex}`);
    if (!(bytes >= 0 && bytes < Infinity)) throw unmeasured('bytes', bytes);
    if (!(weight >= 0 && weight < Infinity)) throw unmeasured('weight', weight);
    let closed: Batch<T>[] | undefined;
    const last = this.#last;
    let open = last?.lane === lane && last.key === key ? last : lane.open.get(key);
    if (open !== undefined) {
      const full = this.#wouldExceed(open, bytes, weight);
      if (full !== undefined) {
        closed = [this.#close(open, full)];
        open = undefined;
      }
    }
    open ??= this.#openBatch(lane, key);
    this.#last = open;
    open.items.push(item);
    open.bytes += bytes;
    open.weight += weight;
    this.#addedElements += 1;
    this.#addedBytes += bytes;
    const reached = this.#reached(open);
    if (reached !== undefined) (closed ??= []).push(this.#close(open, reached));
    return this.#closeLagging(closed) ?? NONE;
  }

  /**
   * An element that is in no batch goes by: the open ones lag behind it too.
   *
   * @returns the batches that this closed
   */
  goBy(bytes: number): readonly Batch<T>[] {
    this.#addedElements += 1;
    this.#addedBytes += bytes;
    return this.#closeLagging(undefined) ?? NONE;
  }

  /** Checks whether a batch of this lane and key is open, which its next element would join. */
  isOpen(key: string, laneIndex = 0): boolean {
    return this.#lanes[laneIndex]?.open.has(key) === true;
  }

  /** Whether no batch is open: what comes next is batched as if nothing had come before. */
  get isEmpty(): boolean {
    return this.#open.first === undefined;
  }

  /** Closes every open batch, in the order of their first elements. */
  flush(): readonly Batch<T>[] {
    const closed: Batch<T>[] = [];
    for (let open = this.#open.first; open !== undefined; open = this.#open.first)
      closed.push(this.#close(open, 'end'));
    return closed;
  }

  #wouldExceed(open: OpenBatch<T>, bytes: number, weight: number): 'bytes' | 'weight' | undefined {
    const { policy } = open.lane;
    if (open.bytes + bytes > policy.maxBatchBytes) return 'bytes';
    if (open.weight + weight > policy.maxBatchWeight) return 'weight';
    return undefined;
  }

  /** At a limit there is nothing to wait for. */
  #reached(open: OpenBatch<T>): BatchClosedBy | undefined {
    const { policy } = open.lane;
    if (open.items.length >= open.target) return 'size';
    if (open.bytes >= policy.maxBatchBytes) return 'bytes';
    if (open.weight >= policy.maxBatchWeight) return 'weight';
    return undefined;
  }

  #openBatch(lane: Lane<T>, key: string): OpenBatch<T> {
    const target = Math.min(Math.floor(lane.targetSize(key)), lane.policy.maxBatchSize);
    // Not `Math.max`, which would let NaN through.
    const open: OpenBatch<T> = {
      lane,
      key,
      target: target >= 1 ? target : 1,
      items: [],
      elementsBefore: this.#addedElements,
      bytesBefore: this.#addedBytes,
      bytes: 0,
      weight: 0,
    };
    lane.open.set(key, open);
    open.place = this.#open.add(open);
    return open;
  }

  #close(open: OpenBatch<T>, closedBy: BatchClosedBy): Batch<T> {
    const { lane, key, items, bytes, weight, place } = open;
    lane.open.delete(key);
    if (place !== undefined) place.member = undefined;
    if (this.#last === open) this.#last = undefined;
    return { lane: lane.index, key, items, bytes, weight, closedBy };
  }

  #closeLagging(closed: Batch<T>[] | undefined): Batch<T>[] | undefined {
    let all = closed;
    for (let oldest = this.#open.first; oldest !== undefined; oldest = this.#open.first) {
      const elements = this.#addedElements - oldest.elementsBefore - 1;
      const bytes = this.#addedBytes - oldest.bytesBefore;
      if (elements <= this.#maxLagElements && bytes <= this.#maxLagBytes) break;
      (all ??= []).push(this.#close(oldest, 'lag'));
    }
    return all;
  }
}

function unmeasured(measure: string, value: number): RangeError {
  return new RangeError(
    `Cannot batch an element as '${measure}' must be finite and 0 or more: current value is ${value}`,
  );
}
