import {
  type LeaseOptions,
  type LeaseRequest,
  LeaseQueue,
  mostWanted,
  type ResidentLease,
  withoutModelUnderWay,
} from './lease-queue.ts';
import { LoadFailures } from './load-failures.ts';
import { MemoryMeter } from './memory-meter.ts';
import { type Eviction, evictionsFor, evictionsOfExcess, hasRoomFor, type ModelRoom } from './model-room.ts';
import type { ModelInfo } from './protocol.ts';
import { type Loadable, type MemoryBound, ResidentModel } from './resident-model.ts';

export { LOAD_FAILURE_MEMORY_MILLIS } from './load-failures.ts';
export type { ResidentLease } from './lease-queue.ts';
export type { Loadable, MemoryBound } from './resident-model.ts';

/** A request is bypassed this often before others wait for it: about once by each of the tasks of sixteen workers. */
export const MAX_BYPASSES = 32;

export interface LoadedModel {
  readonly model: number;
  readonly info: ModelInfo;
  /** Time from the start of its processes until it was loaded. */
  readonly millis: number;
  readonly privateBytes?: number;
  /** Bound for which it had left memory before. @default it was not in memory before */
  readonly evictedBy?: MemoryBound;
}

export interface ResidentModelsOptions {
  /** Models that can be in memory; their indices here are their names. */
  readonly models: readonly Loadable[];
  /** Maximum number of models in memory at once. @default all of them */
  readonly maxModels?: number;
  /** Maximum private bytes of all models in memory; a larger model is there alone. @default no limit */
  readonly maxBytes?: number;
  readonly onLoad?: (loaded: LoadedModel) => void;
  readonly onEvict?: (evicted: { readonly model: number; readonly bound: MemoryBound }) => void;
  /** Milliseconds that never go back. @default performance.now */
  readonly now?: () => number;
}

/**
 * Decides which of a step's models are in memory.
 *
 * A model is loaded on request, once for all requests, and stays until others need its memory: then the least recently
 * used model leaves, never a leased one. It has left before the next one is loaded, so there are never more than
 * `maxModels`, including those that are loading or closing. Bytes are known once a model has been loaded. A new model
 * counts as the largest so far; if it is too large beside those in use, it leaves again and waits for them.
 *
 * A request names all the models that it can use, and gets one. Of those in memory it gets the one that would leave next:
 * this saves the most loads, and spreads requests over the models. If none is in memory, models are loaded for as many
 * requests as fit, the most wanted first. A request that was bypassed {@link MAX_BYPASSES} times holds up all others until
 * a model is loading for it, so no request waits forever.
 */
export class ResidentModels implements AsyncDisposable {
  readonly #models: readonly ResidentModel[];
  readonly #room: ModelRoom;
  readonly #options: ResidentModelsOptions;
  readonly #now: () => number;
  readonly #queue = new LeaseQueue();
  readonly #failures: LoadFailures;
  /** The model for which others are leaving memory. */
  #next: ResidentModel | undefined;
  #uses = 0;
  readonly #meter: MemoryMeter;
  #disposed: Promise<void> | undefined;

  /** @throws RangeError where a bound is not a positive number. */
  constructor(options: ResidentModelsOptions) {
    const { maxModels = Infinity, maxBytes = Infinity } = options;
    for (const [name, value] of Object.entries({ maxModels, maxBytes })) {
      if (value >= 1) continue;
      throw new RangeError(`Cannot create ResidentModels as '${name}' must be at least 1: current value is ${value}`);
    }
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#failures = new LoadFailures(this.#now);
    this.#models = options.models.map((loadable, index) => new ResidentModel(index, loadable));
    this.#room = { models: this.#models, bounds: { maxModels, maxBytes } };
    this.#meter = new MemoryMeter(this.#models, () => this.#schedule());
  }

  /**
   * Leases one of the models: waits until it is in memory, where it stays until all its leases have been released. The
   * result can also be a model that can't be loaded; the others can be requested again.
   *
   * @param wanted - indices of models, in order of preference
   * @throws RangeError, the signal's reason, or an error if this is closed
   */
  async acquire(wanted: readonly number[], options: LeaseOptions = {}): Promise<ResidentLease> {
    const places = [...new Set(wanted)].map((place) => this.#modelAt(place).index);
    if (places.length === 0) throw new RangeError('Cannot acquire a model as none is named');
    options.signal?.throwIfAborted();
    if (this.#disposed !== undefined) throw closedError();
    for (const model of places) {
      const error = this.#failures.of(model);
      if (error !== undefined) return { model, ok: false, error };
    }
    const lease = this.#queue.wait(places, () => this.#schedule(), options);
    this.#schedule();
    return lease;
  }

  /** Ends one lease. @throws RangeError if the model is not leased */
  release(index: number): void {
    const model = this.#modelAt(index);
    if (this.#disposed !== undefined) return;
    if (model.leases === 0) throw new RangeError(`Cannot release model ${index} as it is not leased`);
    model.leases -= 1;
    this.#touch(model);
    this.#schedule();
    if (model.isIdle && this.#room.bounds.maxBytes !== Infinity) void this.#meter.measure();
  }

  /**
   * Discards a model in memory that no longer works: it is no longer leased, leaves memory when its leases end, and counts
   * as a model that could not be loaded.
   */
  discard(index: number, error: Error): void {
    const model = this.#modelAt(index);
    if (!model.canBeTaken || this.#disposed !== undefined) return;
    model.isLeaving = true;
    this.#failed(model, error);
    this.#schedule();
  }

  /**
   * Renews a model in memory that is out of date: it gets no new leases, leaves memory when its leases end, and is loaded
   * again for the next request.
   */
  renew(index: number): void {
    const model = this.#modelAt(index);
    if ((model.state !== 'open' && model.state !== 'opening') || this.#disposed !== undefined) return;
    model.isLeaving = true;
    this.#schedule();
  }

  /** Rejects what waits, and closes all models, whether they are leased, idle or being loaded. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.#queue.rejectAll(closedError());
    await Promise.all(this.#models.filter(({ state }) => state !== 'closed').map((model) => model.close()));
  }

  /** Does all that can be done now; called after each change. */
  #schedule(): void {
    if (this.#disposed !== undefined) return;
    for (const model of this.#models) if (model.isLeaving && model.isIdle) void this.#close(model);
    if (this.#room.bounds.maxBytes !== Infinity) {
      this.#evict(evictionsOfExcess(this.#evictable(), this.#room));
    }
    for (const request of this.#queue) this.#grant(request);
    while (this.#loadNext());
  }

  #grant(request: LeaseRequest): void {
    const starving = this.#starving();
    if (starving !== undefined && starving !== request) return;
    const [model] = request.wanted
      .map((index) => this.#modelAt(index))
      .filter(({ canBeTaken }) => canBeTaken)
      .sort((one, other) => one.lastUsed - other.lastUsed);
    if (model?.info === undefined) return;
    model.leases += 1;
    this.#touch(model);
    this.#queue.answer(request, { model: model.index, ok: true, info: model.info });
  }

  /** The oldest request that was bypassed too often and has no model on its way. */
  #starving(): LeaseRequest | undefined {
    const underWay = this.#underWay();
    for (const request of this.#queue) {
      if (request.bypasses < MAX_BYPASSES) continue;
      if (!underWay.some((model) => request.wanted.includes(model))) return request;
    }
    return undefined;
  }

  /** Models that are being loaded, or will be as soon as others are gone. */
  #underWay(): readonly number[] {
    return this.#models.filter((model) => model.state === 'opening' || model === this.#next).map(({ index }) => index);
  }

  /** Starts to load one model, or to make room for it; false where there is nothing more to start now. */
  #loadNext(): boolean {
    if (this.#next !== undefined && this.#queue.wants(this.#next.index)) {
      if (hasRoomFor(this.#next, this.#room)) return this.#load(this.#next);
      if (this.#models.some(({ state }) => state === 'closing')) return false;
    }
    this.#next = undefined;
    const starving = this.#starving();
    const requests = starving === undefined ? withoutModelUnderWay(this.#queue, this.#underWay()) : [starving];
    for (const index of mostWanted(requests)) {
      const model = this.#modelAt(index);
      if (model.state !== 'closed') continue;
      if (hasRoomFor(model, this.#room)) return this.#load(model);
      const evictions = evictionsFor(model, this.#evictable(), this.#room);
      if (evictions === undefined) continue;
      this.#next = model;
      this.#evict(evictions);
      return false;
    }
    return false;
  }

  #load(model: ResidentModel): true {
    if (this.#next === model) this.#next = undefined;
    model.state = 'opening';
    void this.#open(model).then(() => this.#schedule());
    return true;
  }

  async #open(model: ResidentModel): Promise<void> {
    const startedAt = this.#now();
    let info: ModelInfo;
    try {
      info = await model.loadable.open();
    } catch (error) {
      if (this.#disposed !== undefined) return;
      void this.#close(model);
      this.#failed(model, error as Error);
      return;
    }
    const millis = this.#now() - startedAt;
    await model.measure();
    if (this.#disposed === undefined) this.#opened(model, info, millis);
  }

  #opened(model: ResidentModel, info: ModelInfo, millis: number): void {
    const { index, bytes, evictedBy } = model;
    model.state = 'open';
    model.info = info;
    model.evictedBy = undefined;
    this.#touch(model);
    this.#options.onLoad?.({
      model: index,
      info,
      millis,
      ...(bytes === undefined ? {} : { privateBytes: bytes }),
      ...(evictedBy === undefined ? {} : { evictedBy }),
    });
  }

  #failed(model: ResidentModel, error: Error): void {
    this.#failures.add(model.index, error);
    for (const request of this.#queue) {
      if (request.wanted.includes(model.index)) this.#queue.answer(request, { model: model.index, ok: false, error });
    }
  }

  /** Models that can leave memory, in order: first those that no request waits for, then the least recently used. */
  #evictable(): readonly ResidentModel[] {
    const wanted = new Set([...this.#queue].flatMap((request) => request.wanted));
    const isWanted = ({ index }: ResidentModel): number => Number(wanted.has(index));
    return this.#models
      .filter(({ isIdle }) => isIdle)
      .sort((one, other) => isWanted(one) - isWanted(other) || one.lastUsed - other.lastUsed);
  }

  #evict(evictions: readonly Eviction[]): void {
    for (const { model, bound } of evictions) {
      model.evictedBy = bound;
      this.#options.onEvict?.({ model: model.index, bound });
      void this.#close(model);
    }
  }

  async #close(model: ResidentModel): Promise<void> {
    await model.close();
    this.#schedule();
  }

  #touch(model: ResidentModel): void {
    this.#uses += 1;
    model.lastUsed = this.#uses;
  }

  #modelAt(index: number): ResidentModel {
    const model = this.#models[index];
    if (model !== undefined) return model;
    throw new RangeError(`Cannot name model ${index} as there are ${this.#models.length}`);
  }
}

function closedError(): Error {
  return new Error('the models were closed');
}
