import { restoreError } from '../errors.ts';
import type { ModelInfo } from '../hosts/protocol.ts';
import { byteLengthOf } from '../models/encoded-batch.ts';
import type { BatchSizes, FromWorker, InferAnswer, InferRequest, ToWorker } from './worker-protocol.ts';

/** Sends what a worker says to its engine; the buffers named move there and are gone here. */
export type Post = (message: FromWorker, transfer?: readonly ArrayBuffer[]) => void;

/** A worker's side of the way to the models: it asks for batches to be run, and knows the sizes they should have. */
export class ModelLink {
  readonly #post: Post;
  readonly #models = new Map<number, PromiseWithResolvers<ModelInfo>>();
  readonly #requests = new Map<number, (answer: InferAnswer) => void>();
  readonly #sizes = new Map<string, BatchSizes>();
  readonly #firstTargets: readonly number[];
  readonly #resultBytes = new Map<number, number>();
  #nextRequest = 0;

  /** @param firstTargets - the size of a model's batches before anything was learned. */
  constructor(post: Post, firstTargets: readonly number[]) {
    this.#post = post;
    this.#firstTargets = firstTargets;
  }

  /** A model that is loaded from the start, once it is. @throws ModelLoadError */
  model(model: number): Promise<ModelInfo> {
    return this.#modelOf(model).promise;
  }

  sizes(model: number, key: string): BatchSizes {
    return this.#sizes.get(`${model}:${key}`) ?? { target: this.#firstTargets[model] ?? 1 };
  }

  /** Bytes of an element's results, as the last batch of the model had them. */
  resultBytes(model: number): number {
    return this.#resultBytes.get(model) ?? 0;
  }

  infer(body: InferRequest): Promise<InferAnswer> {
    const request = this.#nextRequest;
    this.#nextRequest += 1;
    this.#post({ kind: 'infer', request, body }, buffersOf(body.batch.chunks));
    return new Promise((resolve) => {
      this.#requests.set(request, (answer) => {
        this.#sizes.set(`${body.model}:${body.key}`, answer.sizes);
        if (answer.ok) this.#resultBytes.set(body.model, byteLengthOf(answer.results) / answer.results.size);
        resolve(answer);
      });
    });
  }

  /** The engine says what it makes of it with the next answer; until then the batches to come are cut by this. */
  recovered(model: number, key: string, size: number): void {
    const { target, ceiling = Infinity } = this.sizes(model, key);
    this.#sizes.set(`${model}:${key}`, { target, ceiling: Math.min(ceiling, Math.ceil(size / 2)) });
    this.#post({ kind: 'recovered', model, key, size });
  }

  /** Takes what the engine says of models and batches. */
  take(message: Extract<ToWorker, { kind: 'model' | 'modelFailed' | 'leased' | 'answer' }>): void {
    switch (message.kind) {
      case 'model':
        return this.#modelOf(message.model).resolve(message.info);
      case 'modelFailed':
        return this.#modelOf(message.model).reject(restoreError(message.error));
      case 'leased':
        return;
      case 'answer': {
        const resolve = this.#requests.get(message.request);
        this.#requests.delete(message.request);
        resolve?.(message.answer);
      }
    }
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

/** The buffers that chunks lie in, each once. They must be the chunks' alone, for whoever sends them loses them. */
export function buffersOf(chunks: readonly Uint8Array[]): ArrayBuffer[] {
  return [...new Set(chunks.map((chunk) => chunk.buffer as ArrayBuffer))];
}
