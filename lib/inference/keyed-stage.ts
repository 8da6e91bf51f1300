import { FabricError } from '../errors.ts';
import type { KeyedModelHandler } from '../models/keyed-model-handler.ts';
import { type ModelHandler, unwrapHandler } from '../models/model-handler.ts';
import { OnnxModelHandler } from '../models/onnx-model-handler.ts';
import { roughBytes } from '../models/rough-bytes.ts';
import { type Cohort, CohortRunner, type CohortRunnerOptions } from './cohort-runner.ts';
import { applyFunction, type StageFunction } from './element-functions.ts';
import { KeyedRound, mostSegments } from './keyed-round.ts';
import { OrderedWindow } from './ordered-window.ts';
import { type InferenceStageOptions, stagedFunctions } from './single-model-stage.ts';
import type { Stage } from './stages.ts';
import type { WorkItem } from './work-item.ts';

export interface KeyedStageOptions extends InferenceStageOptions, Pick<CohortRunnerOptions, 'now'> {}

/**
 * One `runInference` step of one bundle with a keyed handler, in a worker. Elements are taken in rounds, each grouped by
 * cohort and run cohort by cohort, while the next round is read; they leave in input order. Functions around the keyed
 * handler run first before inference and last after it.
 */
export class KeyedStage {
  readonly #handler: KeyedModelHandler;
  readonly #options: InferenceStageOptions;
  readonly #stage: Stage;
  readonly #preprocess: readonly StageFunction[];
  readonly #cohorts: readonly Cohort[];
  readonly #keys: number;
  readonly #mostSegments: number;
  readonly #window = new OrderedWindow();
  readonly #runner: CohortRunner;
  /** Whether there may be batches of a fixed size, which are to be the same when the bundle goes on in mid-way. */
  readonly #hasFixedBatches: boolean;

  constructor(handler: KeyedModelHandler, options: KeyedStageOptions) {
    this.#handler = handler;
    this.#options = options;
    this.#stage = options.stage('inference');
    const outer = unwrapHandler(options.step.handler);
    this.#preprocess = stagedFunctions('preprocess', outer.preprocessFns, 0, options);
    this.#cohorts = handler.mappings.map((mapping) => {
      const inner = unwrapHandler(mapping.handler);
      const after = [...inner.postprocessFns, ...outer.postprocessFns];
      return {
        handler: inner.handler,
        preprocess: stagedFunctions('preprocess', inner.preprocessFns, outer.preprocessFns.length, options),
        postprocess: stagedFunctions('postprocess', after, 0, options),
      };
    });
    this.#keys = handler.mappings.reduce((sum, { keys }) => sum + keys.length, 0);
    this.#hasFixedBatches = this.#cohorts.some((cohort) => mayHaveFixedBatches(cohort.handler));
    const { maxModelsPerWorkerHint = Infinity, maxModelBytes } = handler.keyed;
    this.#mostSegments = mostSegments(this.#cohorts.length, maxModelBytes === undefined ? maxModelsPerWorkerHint : 1);
    this.#runner = new CohortRunner({
      ...options,
      cohorts: this.#cohorts,
      window: this.#window,
      hasFixedBatches: this.#hasFixedBatches,
    });
  }

  async *run(upstream: AsyncIterable<readonly WorkItem[]>): AsyncGenerator<readonly WorkItem[]> {
    const aborter = new AbortController();
    const pump = this.#pump(upstream, aborter.signal).catch((error: Error) => this.#window.fail(error));
    try {
      for (let page = await this.#window.next(); page !== undefined; page = await this.#window.next()) {
        await this.#finish(page);
        yield page;
      }
    } finally {
      // The consumer may have left early: whatever still runs or waits for a model then has nowhere to go.
      const reason = new Error('the bundle was given up');
      this.#window.fail(reason);
      aborter.abort(reason);
      await pump;
    }
  }

  async #pump(upstream: AsyncIterable<readonly WorkItem[]>, signal: AbortSignal): Promise<void> {
    let round = new KeyedRound();
    let running = Promise.resolve();
    for await (const page of upstream) {
      for (const fn of this.#preprocess) {
        const pending = applyFunction(page, fn, this.#options.scope);
        if (pending !== undefined) await pending;
      }
      for (let next = 0; next < page.length;) {
        next = this.#addUntilFull(page, next, round);
        if (!round.isFull(this.#mostSegments)) continue;
        await running;
        running = this.#start(round, signal);
        round = new KeyedRound();
      }
    }
    await running;
    await this.#start(round, signal);
    this.#window.end();
  }

  #start({ entries }: KeyedRound, signal: AbortSignal): Promise<void> {
    const running = this.#runner.run(entries, signal);
    // Whoever reads the next round need not find out first.
    running.catch((error: Error) => this.#window.fail(error));
    return running;
  }

  /** Adds elements to the round from index `next` on, until it is full; gives the index of the one after it. */
  #addUntilFull(page: readonly WorkItem[], next: number, round: KeyedRound): number {
    const { link, model } = this.#options;
    let index = next;
    let endsSegment = false;
    while (index < page.length && !endsSegment) {
      const item = page[index];
      index += 1;
      if (item === undefined) continue;
      const cohort = item.isThrough ? undefined : this.#cohortOf(item);
      const slot = this.#window.enter(item);
      const bytes = cohort === undefined ? 0 : roughBytes(item.value);
      const resultBytes = cohort === undefined ? 0 : link.resultBytes(model + cohort);
      endsSegment = round.add(slot, cohort, { bytes, resultBytes });
      if (this.#hasFixedBatches && !endsSegment) item.isMidBatch = true;
    }
    // Elements that are through may be all there is.
    this.#window.notify();
    return index;
  }

  /** An element that no model is for fails. */
  #cohortOf(item: WorkItem): number | undefined {
    const cohort = this.#handler.cohortOf(item.key);
    if (cohort === undefined) item.fail(this.#stage.name, new UnknownKeyError(item.key, this.#keys));
    return cohort;
  }

  /** Runs the functions that come after inference, each cohort's own. */
  async #finish(page: readonly WorkItem[]): Promise<void> {
    const pending: Promise<void>[] = [];
    for (const [cohort, items] of this.#groups(page)) {
      const applied = this.#applyAll(items, this.#cohorts[cohort]?.postprocess ?? []);
      if (this.#options.scope.oneByOne) await applied;
      else pending.push(applied);
    }
    await Promise.all(pending);
  }

  #groups(page: readonly WorkItem[]): ReadonlyMap<number, readonly WorkItem[]> {
    const groups = new Map<number, WorkItem[]>();
    for (const item of page) {
      const cohort = item.isThrough ? undefined : this.#handler.cohortOf(item.key);
      if (cohort === undefined || this.#cohorts[cohort]?.postprocess.length === 0) continue;
      const group = groups.get(cohort);
      if (group === undefined) groups.set(cohort, [item]);
      else group.push(item);
    }
    return groups;
  }

  async #applyAll(items: readonly WorkItem[], fns: readonly StageFunction[]): Promise<void> {
    for (const fn of fns) {
      const pending = applyFunction(items, fn, this.#options.scope);
      if (pending !== undefined) await pending;
    }
  }
}

/** A model may fix its batches itself, which is known only once it is loaded. */
function mayHaveFixedBatches(handler: ModelHandler): boolean {
  const { minBatchSize, maxBatchSize, maxBatchDurationSecs } = handler.batching;
  if (maxBatchDurationSecs !== undefined || maxBatchSize === 1) return false;
  return minBatchSize === maxBatchSize || handler instanceof OnnxModelHandler;
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
        : `the key '${shown}' is none of the ${mapped} that are mapped to a model: add it to a mapping, or set 'defaultKey'`,
      { disposition: 'poison' },
    );
  }
}
