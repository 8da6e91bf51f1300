import type { HeldModel, ModelVersion } from '../models/model-store.ts';
import { HostPool, type HostPoolOptions, type ServedAnswer } from './host-pool.ts';
import type { RunRequest } from './model-host.ts';
import type { ModelOrigin } from './model-origin.ts';
import type { ModelInfo } from './protocol.ts';

export interface ModelGenerationOptions {
  readonly pool: Omit<HostPoolOptions, 'model'>;
  /** Absent where the handler knows where its model is. */
  readonly origin: ModelOrigin | undefined;
  /** Brings the version's files here; asked again where that failed. @default the version that is there then */
  readonly acquire?: (signal: AbortSignal) => Promise<HeldModel>;
}

/** One version of a model while it is in memory: its files, held on this machine, and the hosts that loaded them. */
export class ModelGeneration implements AsyncDisposable {
  readonly #options: ModelGenerationOptions;
  readonly #pool: HostPool;
  readonly #closed = new AbortController();
  #taking: Promise<HeldModel> | undefined;
  #located: ModelVersion | undefined;
  /** Version that was loaded: a host that replaces a dead one must load the same. */
  #version: ModelVersion | undefined;
  #running = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: ModelGenerationOptions) {
    this.#options = options;
    const { origin, pool } = options;
    this.#pool = new HostPool({
      ...pool,
      onLoad: (info) => {
        this.#version ??= this.#located;
        pool.onLoad?.(info);
      },
      ...(origin === undefined
        ? {}
        : { model: { locate: () => this.#locate(origin), spoiled: () => this.#spoiled(origin) } }),
    });
  }

  /** The model, once its first copy is loaded. @throws ModelLoadError */
  get model(): Promise<ModelInfo> {
    return this.#pool.model;
  }

  /** The model, once all of its copies are loaded. @throws ModelLoadError */
  get ready(): Promise<ModelInfo> {
    return this.#pool.ready;
  }

  /** Version that is loaded; undefined before the load, and for a model that is used in place. */
  get version(): ModelVersion | undefined {
    return this.#version;
  }

  /** The processes that hold it now. */
  get pids(): readonly number[] {
    return this.#pool.pids;
  }

  async run(request: RunRequest): Promise<ServedAnswer> {
    this.#running += 1;
    try {
      return await this.#pool.run(request);
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#idle?.resolve();
    }
  }

  /** Resolves when what it was given is answered; it must not be given more. */
  async drained(): Promise<void> {
    if (this.#running === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  /** Ends the hosts and lets go of the files; resolves when the processes are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('the model was closed'));
    await this.#pool[Symbol.asyncDispose]();
    await this.#release();
  }

  async #locate(origin: ModelOrigin): Promise<HeldModel> {
    this.#taking ??= this.#acquire(origin);
    try {
      const held = await this.#taking;
      this.#located = held.version;
      return held;
    } catch (error) {
      this.#taking = undefined;
      throw error;
    }
  }

  async #acquire(origin: ModelOrigin): Promise<HeldModel> {
    const { pool, acquire: take } = this.#options;
    const { signal } = this.#closed;
    signal.throwIfAborted();
    if (this.#version !== undefined) return origin.fetch(this.#version, signal, pool.loadTimeoutSecs);
    return take === undefined ? origin.fetchCurrent(signal, pool.loadTimeoutSecs) : take(signal);
  }

  async #spoiled(origin: ModelOrigin): Promise<void> {
    const held = await this.#taking?.catch(() => undefined);
    await this.#release();
    if (held?.version !== undefined) await origin.discard(held.version);
  }

  async #release(): Promise<void> {
    const taking = this.#taking;
    this.#taking = undefined;
    await taking?.then(
      (held) => held.release(),
      () => {},
    );
  }
}
