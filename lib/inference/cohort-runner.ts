import { restoreError } from '../errors.ts';
import type { ModelHandler } from '../models/model-handler.ts';
import { BatchRunner } from './batch-runner.ts';
import { applyFunction, type StageFunction } from './element-functions.ts';
import { byCohort, cutAfter, type RoundEntry } from './keyed-round.ts';
import { NO_RESULTS, type OrderedWindow, type Slot } from './ordered-window.ts';
import type { InferenceStageOptions } from './single-model-stage.ts';
import type { BatchFailure, ModelLease } from './worker-protocol.ts';

/** One cohort's model is loaded while another's infers. */
const COHORTS_AT_ONCE = 2;
/** Elements of a cohort that go through its functions together. */
const CHUNK_ELEMENTS = 256;
/**
 * Elements leave in input order, and thus only when the cohorts of all before them have run. After inferring for so long
 * a round goes on with its first elements alone, so that slow models too have something to show at a deadline.
 */
const TURN_MILLIS = 60_000;
const LEAST_TURN_ELEMENTS = 64;
const TURN_GROWTH = 8;

/** The keys that share a handler: what holds their model, and the functions that run on their elements. */
export interface Cohort {
  readonly handler: ModelHandler;
  /** Those around the cohort's own handler. */
  readonly preprocess: readonly StageFunction[];
  /** Those around the keyed handler included. */
  readonly postprocess: readonly StageFunction[];
}

export interface CohortRunnerOptions extends InferenceStageOptions {
  readonly cohorts: readonly Cohort[];
  readonly window: OrderedWindow;
  /** Whether there may be batches of a fixed size, so that segments are not to be cut. */
  readonly hasFixedBatches: boolean;
  /** Milliseconds that never go back. @default performance.now */
  readonly now?: () => number;
}

/** Cohorts that run in one go, and the time that inferring has taken. */
interface Turn {
  readonly pending: Map<number, readonly RoundEntry[]>;
  inferMillis: number;
}

/** Takes the elements of a round through their models, cohort by cohort, in whatever order the models are in memory. */
export class CohortRunner {
  readonly #options: CohortRunnerOptions;
  readonly #now: () => number;

  constructor(options: CohortRunnerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Resolves when all elements are settled. @throws what ends the bundle, or the signal's reason */
  async run(entries: readonly RoundEntry[], signal: AbortSignal): Promise<void> {
    const { hasFixedBatches: wholeSegments } = this.#options;
    let left = entries;
    for (let count = entries.length; left.length > 0;) {
      const end = cutAfter(left, 0, { count, wholeSegments });
      const turn: Turn = { pending: byCohort(left.slice(0, end)), inferMillis: 0 };
      await Promise.all(
        Array.from({ length: Math.min(COHORTS_AT_ONCE, turn.pending.size) }, () => this.#runCohorts(turn, signal)),
      );
      left = left.filter(({ slot }) => slot.state === 'waiting');
      count = isOver(turn)
        ? Math.max(LEAST_TURN_ELEMENTS, Math.ceil(left.length / TURN_GROWTH))
        : Math.max(LEAST_TURN_ELEMENTS, count * TURN_GROWTH);
    }
  }

  async #runCohorts(turn: Turn, signal: AbortSignal): Promise<void> {
    const { link, model: firstModel } = this.#options;
    while (turn.pending.size > 0 && !isOver(turn)) {
      const wanted = [...turn.pending.keys()].map((cohort) => firstModel + cohort);
      const lease = await link.lease(wanted, { signal });
      try {
        const cohort = lease.model - firstModel;
        const entries = turn.pending.get(cohort);
        // The other task may have been given the same one.
        if (entries === undefined) continue;
        turn.pending.delete(cohort);
        if (lease.ok) await this.#runCohort(entries, lease, turn);
        else this.#fail(slotsOf(entries), lease);
      } finally {
        if (lease.ok) link.release(lease.model);
      }
    }
  }

  async #runCohort(
    entries: readonly RoundEntry[],
    { model, info }: Extract<ModelLease, { ok: true }>,
    turn: Turn,
  ): Promise<void> {
    const { cohorts, model: firstModel, scope } = this.#options;
    const cohort = cohorts[model - firstModel];
    if (cohort === undefined) throw new RangeError(`model ${model} is none of the step's`);
    const runner = this.#runnerFor(cohort, model, info.inputs);
    let since = this.#now();
    for (let start = 0; start < entries.length && (start === 0 || !isOver(turn));) {
      // A segment at a time, so that batches of a fixed size end with it.
      const wholeSegments = runner.hasFixedBatches;
      const end = cutAfter(entries, start, { count: wholeSegments ? 1 : CHUNK_ELEMENTS, wholeSegments });
      for (let next = start; next < end; next += CHUNK_ELEMENTS) {
        const slots = slotsOf(entries.slice(next, Math.min(end, next + CHUNK_ELEMENTS)));
        const items = slots.map(({ item }) => item);
        for (const fn of cohort.preprocess) {
          const pending = applyFunction(items, fn, scope);
          if (pending !== undefined) await pending;
        }
        settleThrough(slots);
        for (let at = 0; at < slots.length; await runner.room()) at = runner.addUntilSubmitted(slots, at);
      }
      if (wholeSegments) await runner.flush();
      start = end;
      const now = this.#now();
      turn.inferMillis += now - since;
      since = now;
    }
    await runner.flush();
    await runner.idle();
    turn.inferMillis += this.#now() - since;
  }

  #runnerFor(cohort: Cohort, model: number, inputs: Extract<ModelLease, { ok: true }>['info']['inputs']): BatchRunner {
    const { step, stage, link, scope, window, cohorts } = this.#options;
    return new BatchRunner({
      step,
      handler: cohort.handler,
      model,
      inputs,
      stage: stage('inference'),
      link,
      scope,
      window,
      marksMidBatch: false,
      ...(cohorts.length === 1 ? {} : { onModelLost: (slots, failure) => this.#failAll(slots, failure.error) }),
    });
  }

  /** A model that can't be loaded fails its elements, where it is not the only one. @throws where it is, or may pass */
  #fail(slots: readonly Slot[], { error }: Extract<ModelLease, { ok: false }>): void {
    if (error.disposition === 'retry' || this.#options.cohorts.length === 1) throw restoreError(error);
    this.#failAll(slots, error);
  }

  #failAll(slots: readonly Slot[], { name, message }: BatchFailure['error']): void {
    const { stage, window } = this.#options;
    for (const { item } of slots) item.failure ??= { stage: stage('load').name, error: { name, message } };
    window.settle(slots, 0, NO_RESULTS);
  }
}

function slotsOf(entries: readonly RoundEntry[]): Slot[] {
  return entries.map(({ slot }) => slot);
}

/** Elements that a function failed do not go to the model. */
function settleThrough(slots: readonly Slot[]): void {
  for (const slot of slots) if (slot.item.isThrough) slot.state = 'settled';
}

function isOver({ inferMillis }: Turn): boolean {
  return inferMillis >= TURN_MILLIS;
}
