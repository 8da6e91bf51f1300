import type { BatchRunner } from '../batch-runner.ts';
import type { CohortFlow, Cohorts } from './cohorts.ts';
import { SEGMENT_ELEMENTS } from './keyed-round.ts';
import type { Slot } from '../slot.ts';
import type { InferenceStageOptions } from '../single-model-stage.ts';
import type { ModelLease } from '../../worker-protocol.ts';

/** Models that one bundle has loaded at the same time. */
const LOADS_AT_ONCE = 2;

export interface CohortStreamOptions extends InferenceStageOptions {
  readonly cohorts: Cohorts;
}

/**
 * Takes elements through the models of their cohorts as they come. Each model is loaded when the first element needs it,
 * and held until the bundle has ended.
 */
export class CohortStream implements CohortFlow {
  readonly #options: CohortStreamOptions;
  readonly #runner: BatchRunner;
  /** Lease of each cohort's model, after it was requested. */
  readonly #opened: (ModelLease | undefined)[] = [];
  #hasBroken = false;
  /** Elements of the segment so far. */
  #elements = 0;
  #isClosed = false;

  constructor(options: CohortStreamOptions) {
    this.#options = options;
    this.#runner = options.cohorts.newRunner();
  }

  async add(slots: readonly Slot[], signal: AbortSignal): Promise<void> {
    for (let start = 0; start < slots.length;) {
      const end = Math.min(slots.length, start + SEGMENT_ELEMENTS - this.#elements);
      await this.#addPiece(slots.slice(start, end), signal);
      start = end;
    }
  }

  async end(): Promise<void> {
    await this.#runner.flush();
    await this.#runner.idle();
  }

  close(): void {
    this.#isClosed = true;
    for (const lease of this.#opened) if (lease?.ok === true) this.#options.link.release(lease.model);
  }

  /** Takes elements of one segment. */
  async #addPiece(slots: readonly Slot[], signal: AbortSignal): Promise<void> {
    const missing = this.#missing(slots);
    if (missing.length > 0) await this.#open(missing, signal);
    if (this.#hasBroken) this.#failBroken(slots);
    if (this.#options.cohorts.havePreprocess) await this.#preprocess(slots);
    await this.#runner.load(slots);
    this.#elements += slots.length;
    this.#mark(slots);
    for (let next = 0; next < slots.length; await this.#runner.room()) {
      next = this.#runner.addUntilSubmitted(slots, next);
    }
    if (this.#elements < SEGMENT_ELEMENTS) return;
    this.#elements = 0;
    if (this.#runner.hasFixedBatches) await this.#runner.flush();
  }

  /** Cohorts of these elements whose models have not been asked for yet. */
  #missing(slots: readonly Slot[]): readonly number[] {
    let missing: Set<number> | undefined;
    for (const { item, lane } of slots) {
      if (this.#opened[lane] === undefined && !item.isThrough) (missing ??= new Set()).add(lane);
    }
    return missing === undefined ? [] : [...missing];
  }

  #failBroken(slots: readonly Slot[]): void {
    for (const slot of slots) {
      const opened = this.#opened[slot.lane];
      if (opened?.ok === false && !slot.item.isThrough) this.#options.cohorts.failToLoad([slot], opened.error);
    }
  }

  async #open(cohorts: readonly number[], signal: AbortSignal): Promise<void> {
    const left = [...cohorts];
    const next = async (): Promise<void> => {
      for (let cohort = left.shift(); cohort !== undefined; cohort = left.shift()) await this.#openOne(cohort, signal);
    };
    await Promise.all(Array.from({ length: LOADS_AT_ONCE }, next));
  }

  async #openOne(cohort: number, signal: AbortSignal): Promise<void> {
    const { link, model: firstModel, cohorts, scope } = this.#options;
    const lease = await scope.meter.loaded(link.lease([firstModel + cohort], { signal }));
    // Another model that failed may have ended the bundle in the meantime.
    if (this.#isClosed) {
      if (lease.ok) link.release(lease.model);
      return;
    }
    this.#opened[cohort] = lease;
    const handler = cohorts.list[cohort]?.handler;
    if (!lease.ok) this.#hasBroken = true;
    else if (handler !== undefined) {
      await this.#runner.addModel(cohort, { handler, model: lease.model, info: lease.info });
    }
  }

  async #preprocess(slots: readonly Slot[]): Promise<void> {
    const { cohorts, scope } = this.#options;
    const left = slots.filter(({ item }) => !item.isThrough);
    const pending: Promise<void>[] = [];
    for (const [cohort, own] of Map.groupBy(left, ({ lane }) => lane)) {
      const done = cohorts.preprocess(cohort, own);
      if (scope.oneByOne) await done;
      else pending.push(done);
    }
    await Promise.all(pending);
  }

  /** A bundle that goes on has the same batches of a fixed size only from the end of a segment on. */
  #mark(slots: readonly Slot[]): void {
    if (!this.#runner.hasFixedBatches) return;
    const endsSegment = this.#elements === SEGMENT_ELEMENTS;
    for (const slot of slots) if (!endsSegment || slot !== slots.at(-1)) slot.item.isMidBatch = true;
  }
}
