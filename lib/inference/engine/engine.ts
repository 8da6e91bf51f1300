import { availableParallelism } from 'node:os';
import type { Pipeline } from '../../config/pipeline.ts';
import { loadConfig, pipelineNamed } from '../../config/load-config.ts';
import { pipelineModels } from '../../config/pipeline-models.ts';
import { type CarriedError, carryError, ConfigError } from '../../errors.ts';
import type { ModelStore } from '../../models/model-store.ts';
import { Metrics } from '../../telemetry/metrics.ts';
import type { Bundle, BundleSummary, OutcomeSink } from '../bundle.ts';
import { BundleRun, type BundleRunOptions } from './bundle-run.ts';
import { EngineModels, type OpenedModel } from './engine-models.ts';
import { buffersOf, type InferRequest, type WorkerSetup } from '../worker-protocol.ts';
import type { MissingField } from '../missing-field.ts';
import type { LoadedCopy } from './load-notices.ts';
import { workerStages } from '../stages.ts';
import { EngineWorker } from './engine-worker.ts';

/** Options of `InferenceEngine.start`. */
export interface InferenceEngineOptions {
  /** The config module; workers and model hosts import it too. */
  readonly configUrl: URL;
  readonly pipeline: string;
  /** Cores that workers and model hosts may count on. @default the machine's */
  readonly cores?: number;
  /** GPUs that the copies of models take in turn. @default those of NVIDIA's driver that CUDA_VISIBLE_DEVICES leaves */
  readonly gpus?: number;
  /** Threads that take bundles. @default as many as `cores` */
  readonly workers?: number;
  /** Brings models to this machine. @default one with the cache that all processes share */
  readonly modelStore?: ModelStore;
  /** Takes what model handlers and their libraries print, a line at a time. @default it is dropped */
  readonly onOutput?: (line: string) => void;
  /** Takes what a user should know or change: models that are loaded again and again, a new version that was kept out. */
  readonly onWarning?: (message: string) => void;
  /** Called each time a copy of a model has been loaded, with what it computes on. */
  readonly onModelLoaded?: (loaded: LoadedCopy) => void;
  /** Called when a model was loaded, with its inputs and outputs; can be called more than once for the same place. */
  readonly onModelOpened?: (model: OpenedModel) => void;
  /** Called when no element at the beginning of an object has a field that the configuration names. */
  readonly onMissingField?: (missing: MissingField) => void;
}

export interface ProcessOptions extends BundleRunOptions {
  readonly signal?: AbortSignal;
}

/**
 * Runs the bundles of one pipeline. A process has one engine for each of its pipelines.
 *
 * Its workers are threads of this process: they read, decode, preprocess, pack, postprocess and write bundles. Its model
 * hosts are separate processes: they run the batches of all workers. This thread only passes batches between them and
 * watches timeouts. A worker that hangs in a function, or dies, is replaced, and its bundles continue without the element
 * that caused it.
 *
 *     await using engine = await InferenceEngine.start({ configUrl, pipeline: 'breast-cancer' });
 *     const summary = await engine.process(bundle, sink, { signal });
 */
export class InferenceEngine implements AsyncDisposable {
  readonly metrics: Metrics;
  readonly pipeline: Pipeline;
  readonly workers: number;
  readonly #models: EngineModels;
  readonly #threads: EngineWorker[] = [];
  readonly #processes = new Set<EngineWorker>();
  readonly #queue: BundleRun[] = [];
  /** Those that have not ended, by task. */
  readonly #runs = new Map<number, BundleRun>();
  readonly #setup: WorkerSetup;
  readonly #onMissingField: (missing: MissingField) => void;
  #nextTask = 0;
  #failure: CarriedError | undefined;
  #disposed = false;

  private constructor(pipeline: Pipeline, options: InferenceEngineOptions) {
    this.pipeline = pipeline;
    this.metrics = new Metrics();
    this.#onMissingField = options.onMissingField ?? (() => {});
    this.workers = options.workers ?? options.cores ?? availableParallelism();
    this.#setup = { configUrl: options.configUrl.href, pipeline: options.pipeline, workers: this.workers };
    this.#models = new EngineModels(pipeline, { ...options, metrics: this.metrics });
    for (let index = 0; index < this.workers; index += 1) this.#threads.push(this.#openWorker('thread'));
  }

  /** Starts workers and model hosts; models load while the first bundles are read. @throws ConfigError */
  static async start(options: InferenceEngineOptions): Promise<InferenceEngine> {
    const { workers = 1, cores = 1, gpus = 0 } = options;
    if (!Number.isInteger(gpus) || gpus < 0) {
      throw new RangeError(
        `Cannot start an engine as 'gpus' must be a whole number of at least 0: current value is ${gpus}`,
      );
    }
    for (const [name, value] of Object.entries({ workers, cores })) {
      if (Number.isInteger(value) && value >= 1) continue;
      throw new RangeError(`Cannot start an engine as '${name}' must be a positive integer: current value is ${value}`);
    }
    const fabric = await loadConfig(options.configUrl);
    return new InferenceEngine(pipelineNamed(fabric, options.pipeline), options);
  }

  /** Resolves when every model is loaded, but for those of keyed steps, which are loaded on demand. @throws ModelLoadError, or the signal's reason */
  async ready({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([aborted.promise, Promise.all(this.#models.permanent.map(({ info }) => info))]);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * Takes one bundle through the pipeline. Its outcomes go to `sink` in input order, one for each element.
   *
   * @throws what the sink throws, a model that can't be loaded, the signal's reason, or a FabricError whose disposition
   *   says what to do. What the sink has by then is a prefix of the bundle's outcomes.
   */
  async process(
    bundle: Bundle,
    sink: OutcomeSink,
    { signal, ...options }: ProcessOptions = {},
  ): Promise<BundleSummary> {
    signal?.throwIfAborted();
    if (this.#disposed) throw new ConfigError('the engine is closed');
    const run = new BundleRun({ task: this.#nextTask, bundle, sink }, options);
    this.#runs.set(run.task, run);
    this.#nextTask += 1;
    const abort = (): void => run.abort(signal?.reason);
    try {
      if (this.#failure !== undefined) run.fail(this.#failure);
      signal?.addEventListener('abort', abort, { once: true });
      this.#queue.push(run);
      this.#assign();
      return await run.summary;
    } finally {
      this.#runs.delete(run.task);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Divides the rate limits of remote models by the number of engines in the fleet. */
  shareLimits(fleet: number): void {
    this.#models.shareLimits(fleet);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#queue.length = 0;
    // Those too that no worker has, as what theirs had asked for is to be answered first.
    for (const run of this.#runs.values()) run.abort(new Error('the engine was closed'));
    const workers = [...this.#threads, ...this.#processes];
    await Promise.all([...workers.map((worker) => worker.close()), this.#models[Symbol.asyncDispose]()]);
  }

  #openWorker(kind: 'thread' | 'process'): EngineWorker {
    const stages = workerStages(this.pipeline);
    const worker: EngineWorker = new EngineWorker({
      kind,
      setup: this.#setup,
      sharesBatches: sharesBatches(this.pipeline),
      stages,
      stillSecs: Math.max(...stages.map(({ timeoutSecs }) => timeoutSecs)),
      onInfer: (request, body) => void this.#infer(worker, request, body),
      onOneRow: (model) => this.#models.tookOneRow(model),
      onRecovered: (model, size) => this.#models.recovered(model, size),
      onLease: (models, lease) => this.#models.lease(models, lease),
      onRelease: (model) => this.#models.release(model),
      onMissingField: this.#onMissingField,
      onFree: () => this.#assign(),
      onSetupFailed: (error) => this.#fail(error),
      onLost: (runs) => this.#replace(worker, runs),
    });
    for (const { model, info } of this.#models.permanent) {
      info.then(
        (info) => worker.post({ kind: 'model', model, info }),
        (error: Error) => worker.post({ kind: 'modelFailed', model, error: carryError(error) }),
      );
    }
    return worker;
  }

  async #infer(worker: EngineWorker, request: number, body: InferRequest): Promise<void> {
    const run = body.asked === undefined ? undefined : this.#runs.get(body.asked.task);
    const answer = await this.#models.infer(body, run);
    if (answer !== undefined) {
      worker.post({ kind: 'answer', request, answer }, answer.ok ? buffersOf(answer.results.chunks) : []);
      return;
    }
    // Until its bundle has ended, other requests of it may yet be answered.
    await run?.ended;
    worker.post({ kind: 'noAnswer', request });
  }

  #assign(): void {
    for (let index = 0; index < this.#queue.length;) {
      const run = this.#queue[index];
      if (run === undefined || run.settled) {
        this.#queue.splice(index, 1);
        continue;
      }
      if (this.#gave(run)) this.#queue.splice(index, 1);
      else index += 1;
    }
  }

  /** Gives a bundle to a worker, if one has room for it. @returns false if none has */
  #gave(run: BundleRun): boolean {
    try {
      const worker = run.needsProcess ? this.#processFor() : this.#freest(run);
      worker?.give(run);
      return worker !== undefined;
    } catch (error) {
      // There is no process for it: the limit of the system, for example.
      run.fail(carryError(error));
      return true;
    }
  }

  #freest(run: BundleRun): EngineWorker | undefined {
    const free = this.#threads.filter((worker) => worker.hasRoomFor(run));
    return free.sort((one, other) => one.load - other.load)[0];
  }

  /** Returns a separate process for one bundle; there are at most as many of them as threads. */
  #processFor(): EngineWorker | undefined {
    if (this.#disposed || this.#processes.size >= this.workers) return undefined;
    const worker = this.#openWorker('process');
    this.#processes.add(worker);
    return worker;
  }

  /** A worker was lost: another takes its place, and its bundles start over, but for what they have already given. */
  #replace(worker: EngineWorker, runs: readonly BundleRun[]): void {
    this.#processes.delete(worker);
    if (this.#disposed) return;
    const place = this.#threads.indexOf(worker);
    if (place >= 0) this.#threads[place] = this.#openWorker('thread');
    this.#queue.unshift(...runs.filter((run) => !run.isAsking));
    for (const run of runs) if (run.isAsking) void this.#collectAnswered(run);
    this.#assign();
  }

  /** Waits for the answers to its lost worker's requests, so that they are not requested again. */
  async #collectAnswered(run: BundleRun): Promise<void> {
    await run.answered();
    if (this.#disposed) return;
    this.#queue.unshift(run);
    this.#assign();
  }

  #fail(error: CarriedError): void {
    this.#failure ??= error;
    for (const run of this.#queue.splice(0)) run.fail(error);
  }
}

function sharesBatches(pipeline: Pipeline): boolean {
  return pipelineModels(pipeline).some(({ handler }) => handler.batching.maxBatchDurationSecs !== undefined);
}
