import { type CarriedError, FabricError, restoreError } from '../../../errors.ts';
import type { KeyedModelHandler } from '../../../models/keyed-model-handler.ts';
import { type ModelHandler, unwrapHandler } from '../../../models/model-handler.ts';
import { BatchRunner } from '../batch-runner.ts';
import { isRemote } from '../../../remote/remote-model-handler.ts';
import { applyFunction, type StageFunction } from '../element-functions.ts';
import type { OrderedWindow } from '../ordered-window.ts';
import { NO_RESULTS, type Slot } from '../slot.ts';
import { type InferenceStageOptions, stagedFunctions } from '../single-model-stage.ts';
import type { WorkItem } from '../work-item.ts';

/** The keys that share a handler: what holds their model, and the functions that run on their elements. */
export interface Cohort {
  readonly handler: ModelHandler;
  /** Those around the cohort's own handler. */
  readonly preprocess: readonly StageFunction[];
  /** Those around the keyed handler included. */
  readonly postprocess: readonly StageFunction[];
}

/** How elements go through the models of their cohorts. */
export interface CohortFlow {
  /** Takes the next elements, all of which are in the window; resolves when it can take more. */
  add(slots: readonly Slot[], signal: AbortSignal): Promise<void>;
  /** Resolves when all have been through. */
  end(signal: AbortSignal): Promise<void>;
  /** Releases all leases of models. */
  close(): void;
}

/** The cohorts of a keyed step, by their places among its mappings, and what is the same for the elements of all. */
export class Cohorts {
  readonly list: readonly Cohort[];
  /** True if there can be batches of a fixed size, which must stay the same when the bundle continues in the middle. */
  readonly mayHaveFixedBatches: boolean;
  readonly havePreprocess: boolean;
  readonly havePostprocess: boolean;
  readonly #handler: KeyedModelHandler;
  readonly #options: InferenceStageOptions;
  readonly #window: OrderedWindow;
  readonly #stage: string;
  readonly #keys: number;

  constructor(handler: KeyedModelHandler, options: InferenceStageOptions, window: OrderedWindow) {
    this.#handler = handler;
    this.#options = options;
    this.#window = window;
    this.#stage = options.stage('inference').name;
    const outer = unwrapHandler(options.step.handler);
    const { stage } = options;
    const first = outer.preprocessFns.length;
    this.list = handler.mappings.map((mapping) => {
      const inner = unwrapHandler(mapping.handler);
      const after = [...inner.postprocessFns, ...outer.postprocessFns];
      return {
        handler: inner.handler,
        preprocess: stagedFunctions('preprocess', inner.preprocessFns, { stage, first }),
        postprocess: stagedFunctions('postprocess', after, options),
      };
    });
    this.mayHaveFixedBatches = this.list.some((cohort) => mayHaveFixedBatches(cohort.handler));
    this.havePreprocess = this.list.some(({ preprocess }) => preprocess.length > 0);
    this.havePostprocess = this.list.some(({ postprocess }) => postprocess.length > 0);
    this.#keys = handler.mappings.reduce((sum, { keys }) => sum + keys.length, 0);
  }

  /** The cohort of an element that has no outcome yet; one that no model is for fails. */
  of(item: WorkItem): number | undefined {
    if (item.isThrough) return undefined;
    const cohort = this.#handler.cohortOf(item.key);
    if (cohort === undefined) item.fail(this.#stage, new UnknownKeyError(item.key, this.#keys));
    return cohort;
  }

  /** Runs batches of cohorts' models. */
  newRunner(): BatchRunner {
    const { step, stage, link, scope } = this.#options;
    return new BatchRunner({
      step,
      stage: stage('inference'),
      link,
      scope,
      window: this.#window,
      marksMidBatch: false,
      ...(this.list.length === 1 ? {} : { onModelLost: (slots, { error }) => this.#fail(slots, error) }),
    });
  }

  /** Runs a cohort's own functions before inference. */
  async preprocess(cohort: number, slots: readonly Slot[]): Promise<void> {
    const fns = this.list[cohort]?.preprocess ?? [];
    if (fns.length === 0) return;
    const items = slots.map(({ item }) => item);
    for (const fn of fns) {
      const pending = applyFunction(items, fn, this.#options.scope);
      if (pending !== undefined) await pending;
    }
    for (const slot of slots) if (slot.item.isThrough) slot.state = 'settled';
  }

  /** A model that can't be loaded fails its elements, where it is not the only one. @throws where it is, or it may pass */
  failToLoad(slots: readonly Slot[], error: CarriedError): void {
    if (error.disposition === 'retry' || this.list.length === 1) throw restoreError(error);
    this.#fail(slots, error);
  }

  #fail(slots: readonly Slot[], { name, message, at }: CarriedError): void {
    const stage = this.#options.stage('load').name;
    const error = { name, message, ...(at === undefined ? {} : { at }) };
    for (const { item } of slots) item.failure ??= { stage, error };
    this.#window.settle(slots, 0, NO_RESULTS);
  }
}

/** A model may fix its batches itself, which is known only once it is loaded. */
function mayHaveFixedBatches(handler: ModelHandler): boolean {
  const { minBatchSize, maxBatchSize, maxBatchDurationSecs } = handler.batching;
  if (maxBatchDurationSecs !== undefined || maxBatchSize === 1 || isRemote(handler)) return false;
  return minBatchSize === maxBatchSize || handler.tensorRunner !== undefined;
}

const SHOWN_KEY_LENGTH = 64;

/** An element that no model is for. */
class UnknownKeyError extends FabricError {
  override readonly name = 'UnknownKeyError';
  constructor(key: string | undefined, mapped: number) {
    const shown = key !== undefined && key.length > SHOWN_KEY_LENGTH ? `${key.slice(0, SHOWN_KEY_LENGTH)}…` : key;
    super(
      'UNKNOWN_KEY',
      shown === undefined
        ? "the element has no key, and its key chooses its model: name the field that it is in 'input.key', or set 'defaultKey'"
        : `the key '${shown}' is not one of the ${mapped} that are mapped to a model: add it to a mapping, or set 'defaultKey'`,
      { disposition: 'poison' },
    );
  }
}
