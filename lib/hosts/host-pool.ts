import { setTimeout as delay } from 'node:timers/promises';
import { FabricError, ModelLoadError } from '../errors.ts';
import { isTransient, TransientLoadError } from './load-error.ts';
import { ModelHost, type ModelHostOptions, NotStartedError, type RunAnswer, type RunRequest } from './model-host.ts';
import type { LoadFrame, ModelInfo } from './protocol.ts';

/** A host runs one batch while the next one waits in its pipe, so that it never idles for a round trip. */
const BATCHES_PER_HOST = 2;
/** Maximum number of failed loads in a row, transient or because the host died. Then the model can't be loaded. */
const MAX_LOAD_FAILURES = 3;
const FIRST_BACKOFF_MILLIS = 100;
const MAX_BACKOFF_MILLIS = 10_000;
/** A network or a service takes longer to recover than a process takes to start. */
const TRANSIENT_BACKOFF_FACTOR = 5;

export interface HostPoolOptions extends ModelHostOptions {
  readonly load: Omit<LoadFrame, 'kind' | 'model' | 'gpu'>;
  /** The GPUs that copies take in turn, the first copy the one of number `first`. @default none */
  readonly gpus?: { readonly count: number; readonly first: number };
  /** Where the model's file is; absent where the handler knows itself. */
  readonly model?: ModelFileSource;
  readonly copies: number;
  readonly loadTimeoutSecs: number;
  /** Called each time a copy of the model has been loaded. */
  readonly onLoad?: (info: ModelInfo) => void;
}

/** Gives all copies of a model the same file, also those that take the place of others later. */
export interface ModelFileSource {
  locate(): Promise<NonNullable<LoadFrame['model']>>;
  /** The file was not what it should be. */
  spoiled(): Promise<void>;
}

/** A batch's answer, and the model of the very host that gave it. */
export interface ServedAnswer {
  readonly answer: RunAnswer;
  readonly model: ModelInfo;
}

interface Waiting {
  readonly request: RunRequest;
  readonly resolve: (answer: ServedAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The copies of one model, each in a separate host.
 *
 * A host that dies while it runs a batch is replaced at once, one that dies idle or while loading with a backoff. After
 * the first death one spare is kept, a process that has imported everything but holds no model. A model that can't be
 * loaded ends the pool: all waiting batches reject with its ModelLoadError.
 */
export class HostPool {
  readonly #options: HostPoolOptions;
  readonly #serving = new Map<ModelHost, ModelInfo>();
  readonly #all = new Set<ModelHost>();
  readonly #waiting: Waiting[] = [];
  readonly #model = Promise.withResolvers<ModelInfo>();
  readonly #ready: Promise<ModelInfo>;
  /** Digest of the model that was loaded first: all other copies must have the same. */
  #digest: string | undefined;
  #spare: ModelHost | undefined;
  #loadFailures = 0;
  #idleDeaths = 0;
  #failure: Error | undefined;
  #closed = false;

  /** Starts all copies at once. */
  constructor(options: HostPoolOptions) {
    this.#options = options;
    this.#model.promise.catch(() => {});
    const copies = Array.from({ length: options.copies }, (_, copy) => this.#bringUp(copy));
    this.#ready = Promise.all(copies).then(() => this.model);
    this.#ready.catch(() => {});
  }

  /** The model, once its first copy is loaded. @throws ModelLoadError */
  get model(): Promise<ModelInfo> {
    return this.#model.promise;
  }

  /** The model, once all of its copies are loaded. @throws ModelLoadError */
  get ready(): Promise<ModelInfo> {
    return this.#ready;
  }

  /** The processes that hold it now. */
  get pids(): readonly number[] {
    return [...this.#serving.keys()].flatMap(({ pid }) => pid ?? []);
  }

  /** Runs a batch on the copy that is free first. @throws HostDiedError, ModelLoadError */
  run(request: RunRequest): Promise<ServedAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ServedAnswer>();
    this.#waiting.push({ request, resolve, reject });
    this.#dispatch();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#fail(new ModelLoadError('the model was closed'));
    await Promise.all([...this.#all].map((host) => host.stop()));
  }

  async #bringUp(copy: number): Promise<void> {
    while (!this.#closed && this.#failure === undefined) {
      const host = this.#spare ?? this.#start();
      this.#spare = undefined;
      try {
        const info = await this.#load(host, copy);
        this.#loadFailures = 0;
        this.#options.onLoad?.(info);
        this.#model.resolve(info);
        this.#serve(host, info, copy);
        return;
      } catch (error) {
        await this.#loadFailed(host, error as Error);
      }
    }
  }

  async #load(host: ModelHost, copy: number): Promise<ModelInfo> {
    const { load, gpus, model, loadTimeoutSecs } = this.#options;
    const file = await model?.locate();
    const digest = file?.digest ?? this.#digest;
    const given = file === undefined ? {} : { model: digest === undefined ? file : { ...file, digest } };
    const gpu = gpus === undefined ? {} : { gpu: (gpus.first + copy) % gpus.count };
    const info = await host.load({ ...load, ...gpu, ...given }, loadTimeoutSecs);
    this.#digest ??= info.digest;
    if (info.digest === this.#digest) return info;
    const message = 'the copies of a model must be the same: it was replaced while they were loaded';
    throw new FabricError('MODEL_CHANGED', message, { disposition: 'retry' });
  }

  async #loadFailed(host: ModelHost, error: Error): Promise<void> {
    const passes = error instanceof FabricError && ['retry', 'throttle'].includes(error.disposition);
    if (error instanceof FabricError && error.code === 'MODEL_CHANGED') await this.#options.model?.spoiled();
    const mayPass = passes || isTransient(error);
    if (error instanceof ModelLoadError && !mayPass) return this.#fail(error);
    if (!host.dead) await host.stop();
    this.#loadFailures += 1;
    if (this.#loadFailures >= MAX_LOAD_FAILURES) {
      const options = { cause: error, ...(passes ? { disposition: 'retry' as const } : {}) };
      const tries = `after ${MAX_LOAD_FAILURES} tries`;
      return this.#fail(new ModelLoadError(`the model can't be loaded ${tries}: ${error.message}`, options));
    }
    const factor = error instanceof TransientLoadError ? TRANSIENT_BACKOFF_FACTOR : 1;
    await delay(factor * backoffMillis(this.#loadFailures));
  }

  #start(): ModelHost {
    const host = new ModelHost(this.#options);
    this.#all.add(host);
    void host.exited.then(() => this.#all.delete(host));
    return host;
  }

  #serve(host: ModelHost, info: ModelInfo, copy: number): void {
    this.#serving.set(host, info);
    void host.exited.then(() => this.#replace(host, copy));
    this.#dispatch();
  }

  #replace(host: ModelHost, copy: number): void {
    this.#serving.delete(host);
    if (this.#closed || this.#failure !== undefined) return;
    this.#idleDeaths = host.diedIdle ? this.#idleDeaths + 1 : 0;
    const backoff = host.diedIdle ? delay(backoffMillis(this.#idleDeaths)) : Promise.resolve();
    void backoff.then(() => this.#bringUp(copy)).then(() => this.#keepSpare());
  }

  #keepSpare(): void {
    if (this.#closed || this.#spare !== undefined) return;
    const spare = this.#start();
    spare.prepare(this.#options.load.spec);
    this.#spare = spare;
    void spare.exited.then(() => {
      if (this.#spare === spare) this.#spare = undefined;
    });
  }

  #dispatch(): void {
    for (let host = this.#freest(); host !== undefined && this.#waiting.length > 0; host = this.#freest()) {
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) void this.#runOn(host, waiting);
    }
  }

  #freest(): ModelHost | undefined {
    let freest: ModelHost | undefined;
    for (const host of this.#serving.keys()) {
      if (!host.dead && host.inHand < (freest?.inHand ?? BATCHES_PER_HOST)) freest = host;
    }
    return freest;
  }

  async #runOn(host: ModelHost, waiting: Waiting): Promise<void> {
    const model = this.#serving.get(host);
    if (model === undefined) throw new TypeError('Cannot run a batch as the host holds no model');
    try {
      waiting.resolve({ answer: await host.run(waiting.request), model });
    } catch (error) {
      if (!(error instanceof NotStartedError)) waiting.reject(error as Error);
      else if (this.#failure === undefined) this.#waiting.unshift(waiting);
      else waiting.reject(this.#failure);
    }
    this.#dispatch();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#model.reject(error);
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

function backoffMillis(deaths: number): number {
  return Math.min(MAX_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS * 2 ** (deaths - 1));
}
