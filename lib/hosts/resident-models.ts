import {
  type LeaseOptions,
  type LeaseRequest,
  LeaseQueue,
  mostWanted,
  type ResidentLease,
  withoutModelUnderWay,
} from './lease-queue.ts';
import { LoadFailures } from './load-failures.ts';
import { type Eviction, evictionsFor, evictionsOfExcess, hasRoomFor, type MemoryBounds } from './model-room.ts';
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
  /** From the start of its processes until it was loaded. */
  readonly millis: number;
  readonly privateBytes?: number;
  /** It had been in memory before, and had to leave by this bound. */
  readonly evictedBy?: MemoryBound;
}

export interface ResidentModelsOptions {
  /** What may be in memory; each is named by its place here. */
  readonly models: readonly Loadable[];
  /** The most models in memory at once. @default all of them */
  readonly maxModels?: number;
  /** The most private bytes of all that are in memory; one that is larger is there alone. @default no limit */
  readonly maxBytes?: number;
  readonly onLoad?: (loaded: LoadedModel) => void;
  readonly onEvict?: (evicted: { readonly model: number; readonly bound: MemoryBound }) => void;
  /** Milliseconds that never go back. @default performance.now */
  readonly now?: () => number;
}

/**
 * Decides which of a step's models are in memory.
 *
 * A model is loaded when it is asked for, once for all who ask, and stays until others need its room: then the one used
 * least recently leaves, never one that is leased. It is gone before the next one is loaded, so at no time are there
 * more than `maxModels`, those included that are being loaded or closed. Bytes are known once a model has been loaded;
 * a new one counts as the largest so far, and where it turns out to be too large beside those in use it leaves again
 * and waits for them.
 *
 * A request names all the models that would help it, and takes one. Of those in memory it gets the one that would be
 * the next to leave: that saves the most loads, and spreads requests over the models. Where none is there, models are
 * loaded for as many requests as there is room for, first those that most of them want. So that none waits for ever, a
 * request that was bypassed {@link MAX_BYPASSES} times holds back all others until a model is being loaded for it.
 */
export class ResidentModels implements AsyncDisposable {
  readonly #models: readonly ResidentModel[];
  readonly #bounds: MemoryBounds;
  readonly #options: ResidentModelsOptions;
  readonly #now: () => number;
  readonly #queue = new LeaseQueue();
  readonly #failures: LoadFailures;
  /** The model for which others are leaving memory. */
  #next: ResidentModel | undefined;
  #uses = 0;
  #measuring: Promise<void> | undefined;
  #measureAgain = false;
  #disposed: Promise<void> | undefined;

  /** @throws RangeError where a bound is not a positive number. */
  constructor(options: ResidentModelsOptions) {
    const { maxModels = Infinity, maxBytes = Infinity } = options;
    for (const [name, value] of Object.entries({ maxModels, maxBytes })) {
      if (value >= 1) continue;
      throw new RangeError(`Cannot create ResidentModels as '${name}' must be at least 1: current value is ${value}`);
    }
    this.#options = options;
    this.#bounds = { maxModels, maxBytes };
    this.#now = options.now ?? (() => performance.now());
    this.#failures = new LoadFailures(this.#now);
    this.#models = options.models.map((loadable, index) => new ResidentModel(index, loadable));
  }

  /**
   * Takes one of the models: waits until it is in memory, where it stays until it is released as often as it was taken.
   * One that can't be loaded is the answer as well; the others may be asked for again.
   *
   * @param wanted models by their places; those that would suit best come first
   * @throws RangeError, the signal's reason, or an error where this is closed
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

  /** Gives one lease back. @throws RangeError where there is none */
  release(index: number): void {
    const model = this.#modelAt(index);
    if (this.#disposed !== undefined) return;
    if (model.leases === 0) throw new RangeError(`Cannot release model ${index} as it is not leased`);
    model.leases -= 1;
    this.#touch(model);
    this.#schedule();
    if (model.isIdle && this.#bounds.maxBytes !== Infinity) void this.#measureAll();
  }

  /**
   * A model in memory can serve no more: it is given to nobody, leaves when it has no more leases, and counts as one that
   * could not be loaded.
   */
  discard(index: number, error: Error): void {
    const model = this.#modelAt(index);
    if (!model.canBeTaken || this.#disposed !== undefined) return;
    model.isLeaving = true;
    this.#failed(model, error);
    this.#schedule();
  }

  /**
   * A model in memory is out of date: it is given to nobody who comes from now on, leaves when it has no more leases, and
   * is loaded anew when it is asked for.
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
    if (this.#bounds.maxBytes !== Infinity) {
      this.#evict(evictionsOfExcess(this.#models, this.#evictable(), this.#bounds));
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
      if (hasRoomFor(this.#next, this.#models, this.#bounds)) return this.#load(this.#next);
      if (this.#models.some(({ state }) => state === 'closing')) return false;
    }
    this.#next = undefined;
    const starving = this.#starving();
    const requests = starving === undefined ? withoutModelUnderWay(this.#queue, this.#underWay()) : [starving];
    for (const index of mostWanted(requests)) {
      const model = this.#modelAt(index);
      if (model.state !== 'closed') continue;
      if (hasRoomFor(model, this.#models, this.#bounds)) return this.#load(model);
      const evictions = evictionsFor(model, this.#models, this.#evictable(), this.#bounds);
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

  /** What may leave, the first one first: what no request waits for, then what was used least recently. */
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

  /** Measures what is in memory; calls while it does are answered by one more round. */
  async #measureAll(): Promise<void> {
    this.#measureAgain = true;
    this.#measuring ??= this.#measureWhileAsked();
    await this.#measuring;
  }

  async #measureWhileAsked(): Promise<void> {
    while (this.#measureAgain) {
      this.#measureAgain = false;
      await Promise.all(this.#models.filter(({ state }) => state === 'open').map((model) => model.measure()));
      this.#schedule();
    }
    this.#measuring = undefined;
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
