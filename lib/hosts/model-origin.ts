import { FabricError } from '../errors.ts';
import type { FileSelection } from '../models/folder-files.ts';
import type { HeldModel, ModelStore, ModelVersion } from '../models/model-store.ts';

export interface ModelOriginOptions {
  readonly store: ModelStore;
  /** An absolute path or `s3://…`, of the model or of a pointer to it. */
  readonly uri: string;
  /** Uses a file of this machine in place. It may not be replaced then. */
  readonly inPlace: boolean;
  /** Selects the files of a folder that are the model's. @default all of them */
  readonly select?: FileSelection | undefined;
}

/** Source of the versions of one model. */
export class ModelOrigin {
  readonly uri: string;
  readonly #options: ModelOriginOptions;

  constructor(options: ModelOriginOptions) {
    this.uri = options.uri;
    this.#options = options;
  }

  look(signal: AbortSignal): Promise<ModelVersion> {
    return this.#options.store.look(this.uri, { signal, ...this.#selection });
  }

  /** Fetches and holds the current version. @throws the signal's reason, or an error after `timeoutSecs` */
  fetchCurrent(signal: AbortSignal, timeoutSecs: number): Promise<HeldModel> {
    const { store, inPlace } = this.#options;
    return this.#within(timeoutSecs, signal, (limited) =>
      store.acquire(this.uri, { signal: limited, inPlace, ...this.#selection }),
    );
  }

  /** Fetches and holds a version. @throws as {@link fetchCurrent}, and of code MODEL_REPLACED if it no longer exists */
  fetch(version: ModelVersion, signal: AbortSignal, timeoutSecs: number): Promise<HeldModel> {
    const { store } = this.#options;
    return this.#within(timeoutSecs, signal, (limited) => store.fetch(version, { signal: limited }));
  }

  /** Discards a version from this machine whose content is wrong. */
  discard(version: ModelVersion): Promise<void> {
    return this.#options.store.discard(version);
  }

  get #selection(): { readonly select?: FileSelection } {
    const { select } = this.#options;
    return select === undefined ? {} : { select };
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
