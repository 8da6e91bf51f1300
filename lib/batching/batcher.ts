import type { BatchLimits } from './batching-options.ts';
import { OpenOrder, type Place } from './open-order.ts';

/**
 * Reason why a batch was closed: its size, a limit on its bytes or weight, the bound on its lag, or the end of the bundle.
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

/** Rules for the batches of one model. */
export interface LaneOptions {
  readonly policy: BatchLimits;
  /**
   * Returns the number of elements that a batch of this key should have; called once, for its first element. A number
   * above `maxBatchSize` counts as `maxBatchSize`, one below 1 as 1.
   */
  readonly targetSize: (key: string) => number;
}

/** Limits for all lanes together. */
export interface BatcherOptions {
  /** Maximum elements, of all keys, that are added after a batch's first one while it is open. */
  readonly maxLagElements: number;
  /** Maximum bytes, of elements of all keys, that are added after a batch's first one while it is open. */
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
  /** Elements and bytes that were added before its first element. */
  readonly elementsBefore: number;
  readonly bytesBefore: number;
  bytes: number;
  weight: number;
  /** Weight of its heaviest element. */
  heaviest: number;
  /** Its place among the open batches; emptied when it is closed. */
  place?: Place<OpenBatch<T>>;
}

const NONE: readonly never[] = Object.freeze([]);

/** The measures of an element that decide its batch. */
export interface ItemMeasures {
  /** Elements of different keys never share a batch. */
  readonly key: string;
  /** Bytes of the element's tensors. */
  readonly bytes: number;
  /** Weight by `elementSizeFn`; any number if there is no `maxBatchWeight`. */
  readonly weight: number;
  /** Number of its lane. @default 0 */
  readonly laneIndex?: number;
}

/** Returns true if one element exceeds the maximum weight of a batch. The policy's `oversizeElements` decides what follows. */
export function isOversize(policy: Pick<BatchLimits, 'maxBatchWeight'>, weight: number): boolean {
  return weight > policy.maxBatchWeight;
}

/**
 * Cuts a sequence of elements into batches, with one open batch for each lane (a model) and key (a shape, a bucket).
 * Unlike Beam's `BatchElements`, it never makes an empty batch and keeps every limit at once.
 *
 * - Each element is in exactly one batch, in the order of its lane and key.
 * - Every batch keeps `maxBatchSize`, `maxBatchBytes` and `maxBatchWeight`, except a batch of one element that exceeds a
 *   limit by itself.
 * - At most `maxLagElements` and `maxLagBytes` follow the first element of an open batch when `add` returns: the batch
 *   with the oldest first element is closed first, so a rare key does not delay others for long.
 * - The batches are a pure function of the added elements and of the results of `targetSize`; if these are constant, of
 *   the elements alone.
 */
export class Batcher<T> {
  readonly #lanes: (Lane<T> | undefined)[] = [];
  readonly #maxLagElements: number;
  readonly #maxLagBytes: number;
  /** Open batches in the order of their first elements. */
  readonly #open = new OpenOrder<OpenBatch<T>>();
  /** The batch of the last added element, or undefined if it is closed: most sequences keep the same key for long. */
  #last: OpenBatch<T> | undefined;
  #addedElements = 0;
  #addedBytes = 0;

  /** @throws {RangeError} if a bound on the lag is not positive */
  constructor({ maxLagElements, maxLagBytes }: BatcherOptions) {
    for (const [option, value] of Object.entries({ maxLagElements, maxLagBytes })) {
      if (!(value > 0)) throw new RangeError(`Cannot batch as '${option}' must be above 0: current value is ${value}`);
    }
    this.#maxLagElements = maxLagElements;
    this.#maxLagBytes = maxLagBytes;
  }

  /** Opens a lane under a number that the caller chooses; its elements share no batch with those of another lane. */
  openLane(index: number, options: LaneOptions): void {
    this.#lanes[index] = { ...options, index, open: new Map() };
  }

  /**
   * Adds an element.
   *
   * @returns the batches that this element closed, in the order in which they closed; usually an empty list
   * @throws {RangeError} if bytes or weight are negative or not finite, or the lane is not open; then the element is in
   *   no batch, and nothing else has changed
   */
  add(item: T, { key, bytes, weight, laneIndex = 0 }: ItemMeasures): readonly Batch<T>[] {
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
    open.heaviest = Math.max(open.heaviest, weight);
    open.weight = lane.policy.isWeightPadded === true ? open.heaviest * open.items.length : open.weight + weight;
    this.#addedElements += 1;
    this.#addedBytes += bytes;
    const reached = this.#reached(open);
    if (reached !== undefined) (closed ??= []).push(this.#close(open, reached));
    return this.#closeLagging(closed) ?? NONE;
  }

  /**
   * Counts an element that is in no batch: it makes the open batches lag too.
   *
   * @returns the batches that this closed
   */
  skip(bytes: number): readonly Batch<T>[] {
    this.#addedElements += 1;
    this.#addedBytes += bytes;
    return this.#closeLagging(undefined) ?? NONE;
  }

  /** Checks whether a batch of this lane and key is open, which its next element would join. */
  isOpen(key: string, laneIndex = 0): boolean {
    return this.#lanes[laneIndex]?.open.has(key) === true;
  }

  /** Returns the number of elements that the open batch of a lane and key waits for; undefined if none is open. */
  missing(key: string, laneIndex = 0): number | undefined {
    const open = this.#lanes[laneIndex]?.open.get(key);
    return open && open.target - open.items.length;
  }

  /** True if no batch is open: the next elements are batched as if they were the first. */
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
    const joined =
      policy.isWeightPadded === true ? Math.max(open.heaviest, weight) * (open.items.length + 1) : open.weight + weight;
    if (joined > policy.maxBatchWeight) return 'weight';
    return undefined;
  }

  /** Returns the limit that a batch has reached: it does not wait for more elements. */
  #reached(open: OpenBatch<T>): BatchClosedBy | undefined {
    const { policy } = open.lane;
    if (open.items.length >= open.target) return 'size';
    if (open.bytes >= policy.maxBatchBytes) return 'bytes';
    if (open.weight >= policy.maxBatchWeight) return 'weight';
    return undefined;
  }

  #openBatch(lane: Lane<T>, key: string): OpenBatch<T> {
    const target = Math.min(Math.floor(lane.targetSize(key)), lane.policy.maxBatchSize);
    // Not `Math.max`, which would return NaN.
    const open: OpenBatch<T> = {
      lane,
      key,
      target: target >= 1 ? target : 1,
      items: [],
      elementsBefore: this.#addedElements,
      bytesBefore: this.#addedBytes,
      bytes: 0,
      weight: 0,
      heaviest: 0,
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
