import { FabricError } from '../errors.ts';
import type { HeldModel, ModelStore, ModelVersion } from '../models/model-store.ts';

export interface ModelOriginOptions {
  readonly store: ModelStore;
  /** An absolute path or `s3://…`, of the model or of a pointer to it. */
  readonly uri: string;
  /** Whether a file of this machine is used where it lies, and may not be replaced. */
  readonly inPlace: boolean;
}

/** Where the versions of one model come from. */
export class ModelOrigin {
  readonly uri: string;
  readonly #options: ModelOriginOptions;

  constructor(options: ModelOriginOptions) {
    this.uri = options.uri;
    this.#options = options;
  }

  look(signal: AbortSignal): Promise<ModelVersion> {
    return this.#options.store.look(this.uri, { signal });
  }

  /** The version that is there now, held on this machine. @throws the signal's reason, or that it took too long */
  take(signal: AbortSignal, timeoutSecs: number): Promise<HeldModel> {
    const { store, inPlace } = this.#options;
    return this.#within(timeoutSecs, signal, (limited) => store.take(this.uri, { signal: limited, inPlace }));
  }

  /** A version, held. @throws as {@link take}, and of code MODEL_REPLACED where it is nowhere any more */
  fetch(version: ModelVersion, signal: AbortSignal, timeoutSecs: number): Promise<HeldModel> {
    const { store } = this.#options;
    return this.#within(timeoutSecs, signal, (limited) => store.fetch(version, { signal: limited }));
  }

  /** What is on this machine under a version is not that. */
  discard(version: ModelVersion): Promise<void> {
    return this.#options.store.discard(version);
  }

  async #within<T>(secs: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const message = `Cannot fetch the model ${this.uri}: it took longer than ${secs} s, its 'loadTimeoutSecs'`;
    const error = new FabricError('MODEL_FETCH_TIMEOUT', message, { disposition: 'retry' });
    const timer = setTimeout(() => late.abort(error), secs * 1000);
    try {
      return await work(AbortSignal.any([signal, late.signal]));
    } finally {
      clearTimeout(timer);
    }
  }
}
