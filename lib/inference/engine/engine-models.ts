import { availableParallelism } from 'node:os';
import type { Pipeline } from '../../config/pipeline.ts';
import { handlerPlace } from '../../config/handler-place.ts';
import type { PipelineModel } from '../../config/pipeline-models.ts';
import { carryError, restoreError } from '../../errors.ts';
import type { LeaseOptions } from '../../hosts/lease-queue.ts';
import { copiesOf, countGpus } from '../../hosts/gpus.ts';
import type { ModelInfo } from '../../hosts/protocol.ts';
import { ResidentModels } from '../../hosts/resident-models.ts';
import { ThrashWatch } from '../../hosts/thrash-watch.ts';
import type { KeyedModelHandler } from '../../models/keyed-model-handler.ts';
import type { ModelHandler } from '../../models/model-handler.ts';
import { ModelStore } from '../../models/model-store.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { RemoteEndpoint } from '../../remote/endpoint/remote-endpoint.ts';
import { isRemote, type RemoteModelHandler } from '../../remote/remote-model-handler.ts';
import type { AskingBundle, EngineModel } from './engine-model.ts';
import type { LoadedCopy } from './load-notices.ts';
import { ModelService, type ModelServiceOptions } from './model-service.ts';
import { RemoteModelService } from './remote-model-service.ts';
import { sharedStep, sharersOf, type StepModels, stepModels } from './step-models.ts';
import type { InferAnswer, InferRequest, ModelLease, RecoveredSize } from '../worker-protocol.ts';

export interface EngineModelsOptions {
  readonly configUrl: URL;
  /** The pipeline's name. */
  readonly pipeline: string;
  readonly cores?: number;
  readonly gpus?: number;
  readonly metrics: Metrics;
  readonly modelStore?: ModelStore;
  readonly onOutput?: (line: string) => void;
  readonly onWarning?: (message: string) => void;
  readonly onModelLoaded?: (loaded: LoadedCopy) => void;
  readonly onModelOpened?: (model: OpenedModel) => void;
}

/** A model of a pipeline, after it was loaded. */
export interface OpenedModel extends Pick<ModelInfo, 'label' | 'inputs' | 'outputs'> {
  /** Place of its handler in the config: `breast-cancer/steps[0].handler`. */
  readonly place: string;
}

/** The models of a keyed step, and which of them are in memory. */
interface KeyedModels {
  readonly first: number;
  readonly residents: ResidentModels;
}

/** The models of a step, for all steps that share them. */
interface CreatedStep {
  readonly services: readonly EngineModel[];
  /** Undefined if the models stay loaded. */
  readonly residents: ResidentModels | undefined;
}

/** Resources that the models of a pipeline share. */
interface StepBudget {
  readonly cores: number;
  /** Threads for each model host. */
  readonly threads: number;
  readonly steps: readonly StepModels[];
  readonly groupsByKey: boolean;
}

/**
 * The models of an engine, by their places among the pipeline's. Those that are a step's only one are loaded from the
 * start and stay; those of keyed steps are loaded when a worker asks for one of them, under the bound of their step.
 * Steps with the same handler object have the same model, loaded once.
 */
export class EngineModels implements AsyncDisposable {
  readonly #options: EngineModelsOptions;
  readonly #store: ModelStore;
  readonly #services: EngineModel[] = [];
  /** Copies of the models so far: the next one's first GPU is the one after theirs. */
  #copies = 0;
  /** One for each handler: two steps with the same one ask within the same limits. */
  readonly #endpoints = new Map<RemoteModelHandler, RemoteEndpoint>();
  /** By model; undefined for those that stay loaded. */
  readonly #keyed: (KeyedModels | undefined)[] = [];
  /** By the first of the steps that share them. */
  readonly #created = new Map<StepModels, CreatedStep>();

  constructor(pipeline: Pipeline, options: EngineModelsOptions) {
    this.#options = options;
    this.#store = options.modelStore ?? new ModelStore();
    const { cores = availableParallelism() } = options;
    const steps = stepModels(pipeline);
    const creators = steps.filter((step) => sharersOf(step, steps)[0] === step);
    const hosts = creators.reduce((sum, step) => sum + this.#maxHosts(step), 0);
    const threads = Math.max(1, Math.floor(cores / Math.max(1, hosts)));
    const budget = { cores, threads, steps, groupsByKey: pipeline.input.groupByKey === true };
    for (const step of steps) this.#addStep(step, budget);
  }

  /** The models that are loaded from the start, by their places. */
  get permanent(): readonly { readonly model: number; readonly info: Promise<ModelInfo> }[] {
    return this.#services.flatMap((service, model) =>
      this.#keyed[model] === undefined ? [{ model, info: service.open() }] : [],
    );
  }

  /** Runs a worker's batch; never rejects. */
  async infer(request: InferRequest, bundle: AskingBundle | undefined): Promise<InferAnswer | undefined> {
    const answer = await this.#services[request.model]?.infer(request, bundle);
    const keyed = this.#keyed[request.model];
    if (answer?.ok === false && answer.failure.cause === 'fatal' && keyed !== undefined) {
      const { error } = answer.failure;
      // Its processes have ended, and start again with the next load.
      if (error.name === 'ModelLoadError') keyed.residents.discard(request.model - keyed.first, restoreError(error));
    }
    return answer;
  }

  /** Divides the rate limits of remote models by the number of engines in the fleet. */
  shareLimits(fleet: number): void {
    for (const endpoint of this.#endpoints.values()) endpoint.shareLimits(fleet);
  }

  /** Records that a batch was too large, and its halves were not. */
  recovered(model: number, size: RecoveredSize): void {
    this.#services[model]?.recovered(size);
  }

  /** Records that a batch of two rows of one element failed, and a batch of a single row did not. */
  tookOneRow(model: number): void {
    this.#services[model]?.tookOneRow();
  }

  /** Takes any one of these models, all of one keyed step. @throws RangeError, the signal's reason, or as this is closed */
  async lease(models: readonly number[], options: LeaseOptions): Promise<ModelLease> {
    const keyed = this.#keyedOf(models[0] ?? -1);
    const lease = await keyed.residents.acquire(
      models.map((model) => model - keyed.first),
      options,
    );
    const model = lease.model + keyed.first;
    return lease.ok ? { model, ok: true, info: lease.info } : { model, ok: false, error: carryError(lease.error) };
  }

  release(model: number): void {
    const { residents, first } = this.#keyedOf(model);
    residents.release(model - first);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const residents = new Set(this.#keyed.flatMap((keyed) => keyed?.residents ?? []));
    await Promise.all([...residents].map((one) => one[Symbol.asyncDispose]()));
    await Promise.all([...new Set(this.#services)].map((service) => service[Symbol.asyncDispose]()));
  }

  #keyedOf(model: number): KeyedModels {
    const keyed = this.#keyed[model];
    if (keyed === undefined) throw new RangeError(`Cannot lease model ${model} as it does not belong to a keyed step`);
    return keyed;
  }

  /** Adds the models of a step; an earlier step with the same models has created them. */
  #addStep(step: StepModels, budget: StepBudget): void {
    const [creator = step] = sharersOf(step, budget.steps);
    const created = this.#created.get(creator) ?? this.#create(step, budget);
    this.#created.set(creator, created);
    const { services, residents } = created;
    this.#services.push(...services);
    for (const _ of services) this.#keyed.push(residents && { first: step.first, residents });
  }

  #create(step: StepModels, budget: StepBudget): CreatedStep {
    const { models, keyed } = step;
    const watch = keyed === undefined ? undefined : this.#watch(models, keyed, budget.groupsByKey);
    const services = models.map((_, mapping) => this.#createModel(step, mapping, { ...budget, watch }));
    if (keyed !== undefined) return { services, residents: this.#residents(services, keyed, watch) };
    for (const service of services) service.open().catch(() => {});
    return { services, residents: undefined };
  }

  #createModel(
    step: StepModels,
    mapping: number,
    { cores, threads, steps, watch }: StepBudget & { readonly watch: ThrashWatch | undefined },
  ): EngineModel {
    const { metrics, configUrl, pipeline, onOutput, onWarning, onModelLoaded, onModelOpened } = this.#options;
    const { first, keyed } = step;
    const model = modelAt(step.models, mapping);
    const { handler } = model;
    const uses = sharersOf(step, steps).map((sharer) => ({
      index: sharer.first + mapping,
      model: modelAt(sharer.models, mapping),
    }));
    const onOpened = (info: ModelInfo): void => {
      for (const use of uses) onModelOpened?.({ ...info, place: handlerPlace(pipeline, use.model.place) });
    };
    if (isRemote(handler)) {
      const endpoint = this.#endpointOf(handler);
      return new RemoteModelService({
        model: { ...model, handler },
        index: first + mapping,
        endpoint,
        metrics,
        onOpened,
      });
    }
    const timeouts = new Map(uses.map((use) => [use.index, use.model.step.timeoutSecs]));
    return new ModelService({
      model: {
        ...model,
        step: sharedStep(
          uses.map((use) => use.model.step),
          model.step,
        ),
      },
      place: handlerPlace(pipeline, model.place),
      timeoutSecs: (index) => timeouts.get(index) ?? model.step.timeoutSecs,
      onOpened,
      configUrl: configUrl.href,
      threads: handler.options.largeModel === true ? cores : threads,
      ...this.#copiesAndGpus(handler, keyed !== undefined),
      metrics,
      modelStore: this.#store,
      isOnDemand: keyed?.keepsAllModels === false,
      onStale: () => this.#keyed[first + mapping]?.residents.renew(mapping),
      onInferred: (millis) => watch?.inferred(millis),
      ...(onOutput === undefined ? {} : { onOutput }),
      ...(onModelLoaded === undefined ? {} : { onModelLoaded }),
      ...(onWarning === undefined ? {} : { onWarning }),
    });
  }

  #endpointOf(handler: RemoteModelHandler): RemoteEndpoint {
    const { metrics, onWarning } = this.#options;
    const endpoint =
      this.#endpoints.get(handler) ??
      new RemoteEndpoint({ handler, metrics, ...(onWarning === undefined ? {} : { onWarning }) });
    this.#endpoints.set(handler, endpoint);
    return endpoint;
  }

  #copiesAndGpus(handler: ModelHandler, isKeyed: boolean): Pick<ModelServiceOptions, 'copies' | 'gpus'> {
    const count = this.#gpusFor(handler);
    const copies = isKeyed ? handler.modelCopies : copiesOf(handler, count);
    const first = this.#copies;
    this.#copies += copies;
    return count === 0 ? { copies } : { copies, gpus: { count, first } };
  }

  #gpusFor({ options }: ModelHandler): number {
    return this.#options.gpus ?? countGpus({ ...process.env, ...options.envVars });
  }

  /** Returns the maximum number of model hosts that a step can have at one time. */
  #maxHosts({ models, keyed }: StepModels): number {
    const held = models.filter(({ handler }) => !isRemote(handler));
    if (keyed === undefined)
      return held.reduce((sum, { handler }) => sum + copiesOf(handler, this.#gpusFor(handler)), 0);
    return Math.min(keyed.options.maxModelsPerWorkerHint ?? held.length, held.length);
  }

  #residents(
    services: readonly EngineModel[],
    { options: { maxModelsPerWorkerHint, maxModelBytes } }: KeyedModelHandler,
    watch: ThrashWatch | undefined,
  ): ResidentModels {
    const { metrics } = this.#options;
    return new ResidentModels({
      models: services,
      ...(maxModelsPerWorkerHint === undefined ? {} : { maxModels: maxModelsPerWorkerHint }),
      ...(maxModelBytes === undefined ? {} : { maxBytes: maxModelBytes }),
      onLoad: ({ millis, privateBytes, evictedBy }) => {
        if (privateBytes !== undefined) metrics.record('model_private_bytes', privateBytes);
        watch?.loaded(millis, evictedBy);
      },
      onEvict: () => metrics.add('model_evictions', 1),
    });
  }

  #watch(models: readonly PipelineModel[], { options }: KeyedModelHandler, groupsByKey: boolean): ThrashWatch {
    const { pipeline, metrics, onWarning } = this.#options;
    const { maxModelsPerWorkerHint, maxModelBytes } = options;
    return new ThrashWatch({
      place: handlerPlace(pipeline, models[0]?.stepPlace ?? 'steps'),
      ...(maxModelsPerWorkerHint === undefined ? {} : { maxModelsPerWorkerHint }),
      ...(maxModelBytes === undefined ? {} : { maxModelBytes }),
      groupsByKey,
      onThrash: (message) => {
        metrics.add('model_thrash_warnings', 1);
        onWarning?.(message);
      },
    });
  }
}

function modelAt(models: readonly PipelineModel[], index: number): PipelineModel {
  const model = models[index];
  if (model === undefined) throw new RangeError(`a step has ${models.length} models: there is no model ${index}`);
  return model;
}
