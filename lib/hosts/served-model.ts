import { HostPool, type HostPoolOptions } from './host-pool.ts';
import type { RunAnswer, RunRequest } from './model-host.ts';
import type { ModelInfo } from './protocol.ts';

/** A batch's answer, and the model that made it. */
export interface ServedAnswer {
  readonly answer: RunAnswer;
  readonly model: ModelInfo;
}

/**
 * One model as it is served: opened, its hosts load it; closed, they are gone, until it is opened again.
 */
export class ServedModel implements AsyncDisposable {
  readonly #options: HostPoolOptions;
  #pool: HostPool | undefined;

  constructor(options: HostPoolOptions) {
    this.#options = options;
  }

  /** Starts the model's hosts, if it is closed; resolves when the first has loaded it. @throws ModelLoadError */
  open(): Promise<ModelInfo> {
    this.#pool ??= new HostPool(this.#options);
    return this.#pool.model;
  }

  /** Runs a batch. @throws HostDiedError, ModelLoadError */
  async run(request: RunRequest): Promise<ServedAnswer> {
    if (this.#pool === undefined) throw new TypeError('Cannot run a batch as the model is closed');
    const pool = this.#pool;
    return { answer: await pool.run(request), model: await pool.model };
  }

  /** Ends the hosts; resolves when their processes are gone. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
