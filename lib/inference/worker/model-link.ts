import { restoreError } from '../../errors.ts';
import type { LeaseOptions } from '../../hosts/lease-queue.ts';
import type { ModelInfo } from '../../hosts/protocol.ts';
import { byteLengthOf } from '../../models/encoded-batch.ts';
import {
  type BatchSizes,
  buffersOf,
  type FromWorker,
  type InferAnswer,
  type InferRequest,
  type ModelLease,
  type RecoveredSize,
  type ToWorker,
} from '../worker-protocol.ts';

/** Maximum number of batch keys whose sizes a worker remembers: all shapes and arguments can be keys. */
const MAX_REMEMBERED_KEYS = 1000;

const ONE_ROW: BatchSizes = { target: 1, ceiling: 1, isOneRow: true };

export interface LinkLeaseOptions extends LeaseOptions {
  readonly signal: AbortSignal;
}

/** Sends what a worker says to its engine; the buffers named move there and are gone here. */
export type Post = (message: FromWorker, transfer?: readonly ArrayBuffer[]) => void;

/** A worker's side of the way to the models: it asks for batches to be run, and knows the sizes they should have. */
export class ModelLink {
  readonly #post: Post;
  readonly #models = new Map<number, PromiseWithResolvers<ModelInfo>>();
  readonly #requests = new Map<number, PromiseWithResolvers<InferAnswer>>();
  readonly #leases = new Map<number, (lease: ModelLease) => void>();
  readonly #sizes = new Map<string, BatchSizes>();
  readonly #firstSizes: readonly BatchSizes[];
  readonly #resultBytes = new Map<number, number>();
  /** Models that are known to take one row in a batch, or several. */
  readonly #rows = new Map<number, 'one' | 'several'>();
  #nextRequest = 0;

  /** @param firstSizes - the sizes of each model's batches before anything was learned. */
  constructor(post: Post, firstSizes: readonly BatchSizes[]) {
    this.#post = post;
    this.#firstSizes = firstSizes;
  }

  /** A model that is loaded from the start, once it is. @throws ModelLoadError */
  model(model: number): Promise<ModelInfo> {
    return this.#modelOf(model).promise;
  }

  sizes(model: number, key: string): BatchSizes {
    if (this.#rows.get(model) === 'one') return ONE_ROW;
    return this.#sizes.get(`${model}:${key}`) ?? this.#firstSizes[model] ?? { target: 1 };
  }

  /** Bytes of an element's results, as the last batch of the model had them. */
  resultBytes(model: number): number {
    return this.#resultBytes.get(model) ?? 0;
  }

  /**
   * Takes one of the keyed models, any of those that are asked for: it is loaded, and stays so until it is released; or
   * it can't be.
   *
   * @param options.group - name of the leases that are to be of different models
   * @throws the signal's reason
   */
  async lease(models: readonly number[], { signal, group }: LinkLeaseOptions): Promise<ModelLease> {
    signal.throwIfAborted();
    const request = this.#nextRequest;
    this.#nextRequest += 1;
    const { promise, resolve, reject } = Promise.withResolvers<ModelLease>();
    const cancel = (): void => {
      // A lease that arrives after the cancellation is released at once.
      if (!this.#leases.delete(request)) return;
      this.#post({ kind: 'cancelLease', request });
      reject(signal.reason);
    };
    this.#leases.set(request, resolve);
    this.#post({ kind: 'lease', request, models, ...(group === undefined ? {} : { group }) });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /** Gives a lease back. */
  release(model: number): void {
    this.#post({ kind: 'release', model });
  }

  /** @throws where the bundle has ended without an answer. */
  async infer(body: InferRequest): Promise<InferAnswer> {
    const request = this.#nextRequest;
    this.#nextRequest += 1;
    const answered = Promise.withResolvers<InferAnswer>();
    this.#requests.set(request, answered);
    this.#post({ kind: 'infer', request, body }, buffersOf(body.batch.chunks));
    const answer = await answered.promise;
    this.#learn(body, answer.sizes);
    if (answer.ok) this.#resultBytes.set(body.model, byteLengthOf(answer.results) / answer.results.size);
    return answer;
  }

  /** The engine says what it makes of it with the next answer; until then the batches to come are cut by this. */
  recovered(model: number, recovered: RecoveredSize): void {
    const { key, size, limit } = recovered;
    const { target, ceiling = Infinity } = this.sizes(model, key);
    // A size that does not grow is fixed, even if its batches take too long.
    const isFixed = this.#firstSizes[model]?.ahead === undefined;
    if (limit === 'memory' || !isFixed)
      this.#learn({ model, key }, { target, ceiling: Math.min(ceiling, Math.ceil(size / 2)) });
    this.#post({ kind: 'recovered', model, size: recovered });
  }

  /** Returns whether a model takes one row or several; undefined before a batch of it has run. */
  rows(model: number): 'one' | 'several' | undefined {
    return this.#rows.get(model);
  }

  /** Records that a batch of several rows succeeded. */
  tookSeveralRows(model: number): void {
    if (!this.#rows.has(model)) this.#rows.set(model, 'several');
  }

  /** Records that two rows of one element failed and a single row did not: the model has a fixed batch of one. */
  tookOneRow(model: number): void {
    this.#rows.set(model, 'one');
    this.#post({ kind: 'oneRow', model });
  }

  /** Takes what the engine says of models and batches. */
  handle(message: Extract<ToWorker, { kind: 'model' | 'modelFailed' | 'leased' | 'answer' | 'noAnswer' }>): void {
    switch (message.kind) {
      case 'model':
        return this.#modelOf(message.model).resolve(message.info);
      case 'modelFailed':
        return this.#modelOf(message.model).reject(restoreError(message.error));
      case 'leased': {
        const { request, lease } = message;
        const resolve = this.#leases.get(request);
        this.#leases.delete(request);
        if (resolve !== undefined) resolve(lease);
        else if (lease.ok) this.release(lease.model);
        return;
      }
      case 'answer':
        return this.#removeRequest(message.request)?.resolve(message.answer);
      case 'noAnswer':
        return this.#removeRequest(message.request)?.reject(new Error('the bundle was given up'));
    }
  }

  #removeRequest(request: number): PromiseWithResolvers<InferAnswer> | undefined {
    const answered = this.#requests.get(request);
    this.#requests.delete(request);
    return answered;
  }

  #learn({ model, key }: Pick<InferRequest, 'model' | 'key'>, sizes: BatchSizes): void {
    if (sizes.isOneRow === true) this.#rows.set(model, 'one');
    if (this.#sizes.size >= MAX_REMEMBERED_KEYS) {
      const [oldest] = this.#sizes.keys();
      if (oldest !== undefined) this.#sizes.delete(oldest);
    }
    this.#sizes.set(`${model}:${key}`, sizes);
  }

  #modelOf(model: number): PromiseWithResolvers<ModelInfo> {
    const known = this.#models.get(model);
    if (known !== undefined) return known;
    const loading = Promise.withResolvers<ModelInfo>();
    loading.promise.catch(() => {});
    this.#models.set(model, loading);
    return loading;
  }
}
