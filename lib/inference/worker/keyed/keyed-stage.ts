import type { KeyedModelHandler } from '../../../models/keyed-model-handler.ts';
import { unwrapHandler } from '../../../models/model-handler.ts';
import { CohortRounds } from './cohort-rounds.ts';
import { CohortStream } from './cohort-stream.ts';
import { type CohortFlow, Cohorts } from './cohorts.ts';
import { applyFunction, type StageFunction } from '../element-functions.ts';
import { OrderedWindow } from '../ordered-window.ts';
import type { Slot } from '../slot.ts';
import { type InferenceStageOptions, stagedFunctions } from '../single-model-stage.ts';
import type { WorkItem } from '../work-item.ts';

export interface KeyedStageOptions extends InferenceStageOptions {
  /** Milliseconds that never go back. @default performance.now */
  readonly now?: () => number;
}

/**
 * One `runInference` step of one bundle with a keyed handler, in a worker. Elements leave in input order. Functions around
 * the keyed handler run first before inference and last after it.
 *
 * Where models have to leave memory for others, elements are grouped by cohort before anything is loaded; where all may
 * stay there, they go through as they come.
 */
export class KeyedStage {
  readonly #options: InferenceStageOptions;
  readonly #preprocess: readonly StageFunction[];
  readonly #cohorts: Cohorts;
  readonly #window = new OrderedWindow();
  readonly #flow: CohortFlow;

  constructor(handler: KeyedModelHandler, options: KeyedStageOptions) {
    this.#options = options;
    const { preprocessFns } = unwrapHandler(options.step.handler);
    this.#preprocess = stagedFunctions('preprocess', preprocessFns, options);
    this.#cohorts = new Cohorts(handler, options, this.#window);
    const flow = { ...options, cohorts: this.#cohorts, window: this.#window };
    this.#flow = handler.keepsAllModels ? new CohortStream(flow) : new CohortRounds(flow);
  }

  async *run(upstream: AsyncIterable<readonly WorkItem[]>): AsyncGenerator<readonly WorkItem[]> {
    const aborter = new AbortController();
    const filling = this.#pump(upstream, aborter.signal);
    for await (const page of this.#window.pages(filling, (reason) => aborter.abort(reason))) {
      await this.#finish(page);
      yield page;
    }
  }

  async #pump(upstream: AsyncIterable<readonly WorkItem[]>, signal: AbortSignal): Promise<void> {
    try {
      for await (const page of upstream) {
        await this.#apply(page, this.#preprocess);
        const slots = page.map((item) => this.#enter(item));
        // Elements that are through may be all there is.
        this.#window.notify();
        await this.#flow.add(slots, signal);
      }
      await this.#flow.end(signal);
    } finally {
      this.#flow.close();
    }
    this.#window.end();
  }

  /** Its lane is its cohort. */
  #enter(item: WorkItem): Slot {
    const cohort = this.#cohorts.of(item);
    const slot = this.#window.enter(item);
    slot.lane = cohort ?? 0;
    return slot;
  }

  /** Runs the functions that come after inference, each cohort's own. */
  async #finish(page: readonly WorkItem[]): Promise<void> {
    if (!this.#cohorts.havePostprocess) return;
    const pending: Promise<void>[] = [];
    for (const [cohort, items] of this.#groups(page)) {
      const applied = this.#apply(items, this.#cohorts.list[cohort]?.postprocess ?? []);
      if (this.#options.scope.oneByOne) await applied;
      else pending.push(applied);
    }
    await Promise.all(pending);
  }

  #groups(page: readonly WorkItem[]): ReadonlyMap<number, readonly WorkItem[]> {
    const groups = new Map<number, WorkItem[]>();
    for (const item of page) {
      const cohort = this.#cohorts.of(item);
      if (cohort === undefined || this.#cohorts.list[cohort]?.postprocess.length === 0) continue;
      const group = groups.get(cohort);
      if (group === undefined) groups.set(cohort, [item]);
      else group.push(item);
    }
    return groups;
  }

  async #apply(items: readonly WorkItem[], fns: readonly StageFunction[]): Promise<void> {
    for (const fn of fns) {
      const pending = applyFunction(items, fn, this.#options.scope);
      if (pending !== undefined) await pending;
    }
  }
}
