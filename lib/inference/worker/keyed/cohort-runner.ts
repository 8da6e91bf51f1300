import { randomUUID } from 'node:crypto';
import type { Cohorts } from './cohorts.ts';
import { byCohort, cutAfter, type RoundEntry } from './keyed-round.ts';
import type { OrderedWindow } from '../ordered-window.ts';
import type { Slot } from '../slot.ts';
import type { InferenceStageOptions } from '../single-model-stage.ts';
import type { ModelLease } from '../../worker-protocol.ts';

/** One cohort's model is loaded while another's infers. */
const COHORTS_AT_ONCE = 2;
/** Elements of a cohort that go through its functions together. */
const CHUNK_ELEMENTS = 256;
/**
 * Elements leave in input order, and thus only when the cohorts of all before them have run. After inferring for so long
 * a round goes on with its first elements alone, so that slow models too have something to show at a deadline.
 */
const TURN_MILLIS = 60_000;
const MIN_TURN_ELEMENTS = 64;
const TURN_GROWTH = 8;

export interface CohortRunnerOptions extends InferenceStageOptions {
  readonly cohorts: Cohorts;
  readonly window: OrderedWindow;
  /** Milliseconds that never go back. @default performance.now */
  readonly now?: () => number;
}

/** Cohorts that run in one go, and the time that inferring has taken. */
interface Turn {
  /** Groups the turn's leases: each cohort's model is leased once. */
  readonly id: string;
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
    // So that batches of a fixed size stay as they are.
    const wholeSegments = this.#options.cohorts.mayHaveFixedBatches;
    let left = entries;
    for (let count = entries.length; left.length > 0;) {
      const end = cutAfter(left, 0, { count, wholeSegments });
      const turn: Turn = { id: randomUUID(), pending: byCohort(left.slice(0, end)), inferMillis: 0 };
      await Promise.all(
        Array.from({ length: Math.min(COHORTS_AT_ONCE, turn.pending.size) }, () => this.#runCohorts(turn, signal)),
      );
      left = left.filter(({ slot }) => slot.state === 'waiting');
      count = isOver(turn)
        ? Math.max(MIN_TURN_ELEMENTS, Math.ceil(left.length / TURN_GROWTH))
        : Math.max(MIN_TURN_ELEMENTS, count * TURN_GROWTH);
    }
  }

  async #runCohorts(turn: Turn, signal: AbortSignal): Promise<void> {
    const { link, model: firstModel, cohorts, scope } = this.#options;
    while (turn.pending.size > 0 && !isOver(turn)) {
      const wanted = [...turn.pending.keys()].map((cohort) => firstModel + cohort);
      const lease = await scope.meter.loaded(link.lease(wanted, { signal, group: turn.id }));
      try {
        const cohort = lease.model - firstModel;
        const entries = turn.pending.get(cohort);
        // The other task was given the same one, as there was no other that either wanted.
        if (entries === undefined) continue;
        turn.pending.delete(cohort);
        if (lease.ok) await this.#runCohort(entries, lease, turn);
        else cohorts.failToLoad(slotsOf(entries), lease.error);
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
    const { cohorts, model: firstModel } = this.#options;
    const place = model - firstModel;
    const cohort = cohorts.list[place];
    if (cohort === undefined) throw new RangeError(`model ${model} does not belong to the step`);
    const runner = cohorts.newRunner();
    await runner.addModel(place, { handler: cohort.handler, model, info });
    let since = this.#now();
    for (let start = 0; start < entries.length && (start === 0 || !isOver(turn));) {
      // A segment at a time, so that batches of a fixed size end with it.
      const wholeSegments = runner.hasFixedBatches;
      const end = cutAfter(entries, start, { count: wholeSegments ? 1 : CHUNK_ELEMENTS, wholeSegments });
      for (let next = start; next < end; next += CHUNK_ELEMENTS) {
        const slots = slotsOf(entries.slice(next, Math.min(end, next + CHUNK_ELEMENTS)));
        await cohorts.preprocess(place, slots);
        await runner.load(slots);
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
}

function slotsOf(entries: readonly RoundEntry[]): Slot[] {
  return entries.map(({ slot }) => slot);
}

function isOver({ inferMillis }: Turn): boolean {
  return inferMillis >= TURN_MILLIS;
}
