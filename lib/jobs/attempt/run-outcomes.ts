import { FabricError } from '../../errors.ts';
import type { BundleSummary } from '../../inference/bundle.ts';
import { isStoreBusy } from '../../stores/patience.ts';
import { OutcomeSpool } from '../commit/outcome-spool.ts';
import { type PartialRun, resumePartial, stagePartial } from './partial-outcomes.ts';
import type { BundleAttempt } from './processor-options.ts';
import { ifSourceGone } from '../source-gone.ts';
import { isThrottle, StagedAnswers } from './staged-answers.ts';

/** All outcomes of a bundle, with those of earlier attempts. */
export interface BundleOutcomes extends Pick<BundleSummary, 'elapsedMillis'> {
  readonly spool: OutcomeSpool;
}

/** Progress of a bundle when it was interrupted. */
export interface BrokenOffAt {
  /** True if more is staged now than the attempt before left. */
  readonly progressed: boolean;
  /** True if it waited for an endpoint, so that a lack of progress is not the bundle's fault. @default false */
  readonly throttled?: boolean;
  /** Time that the endpoint asks to wait, in milliseconds. @default 0 */
  readonly delayMillis?: number | undefined;
}

/** The deadline came before the bundle was done, or an endpoint asks to wait longer than the run can. Outcomes are kept. */
export class BrokenOffError extends FabricError {
  override readonly name = 'BrokenOffError';
  readonly at: BrokenOffAt;
  constructor(at: BrokenOffAt, cause: unknown) {
    super('BROKEN_OFF', 'the deadline came before the bundle was done', { cause, disposition: 'retry' });
    this.at = at;
  }
}

/**
 * Runs the elements of a bundle that earlier attempts left, and passes all of its outcomes to `use`.
 *
 * A source that disappears while the bundle runs takes the bundle's other outcomes with it: its range is one failure.
 *
 * @throws BrokenOffError at the deadline, with the outcomes so far staged for the next attempt.
 */
export function runOutcomes(attempt: BundleAttempt, use: (outcomes: BundleOutcomes) => Promise<void>): Promise<void> {
  return ifSourceGone(
    () => runOnce(attempt, { use, resume: true }),
    () => runOnce(attempt, { use, resume: false }),
  );
}

interface Run {
  readonly use: (outcomes: BundleOutcomes) => Promise<void>;
  /** True to continue from what an earlier attempt staged. */
  readonly resume: boolean;
}

async function runOnce(attempt: BundleAttempt, { use, resume }: Run): Promise<void> {
  const { place, bundle, receivesBefore = 0, received, deadline, options } = attempt;
  const { engine, output } = options;
  const { signal } = deadline;
  await using spool = await OutcomeSpool.open();
  const earlier = resume ? await resumePartial(place, spool, { ...output, signal }) : undefined;
  const answers = await StagedAnswers.open(place, { pipeline: engine.pipeline, output }, { signal });
  const startedAt = performance.now();
  const elapsedMillis = (): number => (earlier?.elapsedMillis ?? 0) + performance.now() - startedAt;
  const outcomes = { spool, elapsedMillis };
  const receives = receivesBefore + received.receiveCount;
  const rest = { ...bundle, receives, skipElements: spool.tally.total };
  try {
    await engine.process(rest, spool, answers.processOptions(deadline));
  } catch (error) {
    throw await breakOff(error, { attempt, outcomes, answers, before: earlier?.elements ?? 0 });
  }
  await spool.close();
  try {
    await use({ spool, elapsedMillis: elapsedMillis() });
  } catch (error) {
    // Outcomes that could not be committed are kept for the next attempt.
    if (answers.journal.hasNewAnswers || isStoreBusy(error))
      await stagePartial(place, outcomes, output).catch(() => {});
    throw error;
  }
}

interface Interrupted {
  readonly attempt: BundleAttempt;
  readonly outcomes: PartialRun;
  readonly answers: StagedAnswers;
  /** Number of outcomes that an earlier attempt had staged. */
  readonly before: number;
}

/**
 * Stages the outcomes of a run that ended early. Returns the error to throw.
 *
 * @throws what staging failed with, unless the store asks for a slower pace.
 */
async function breakOff(error: unknown, { attempt, outcomes, answers, before }: Interrupted): Promise<unknown> {
  const { spool } = outcomes;
  const isOver = attempt.deadline.signal.aborted || isThrottle(error);
  if (!isOver && !answers.journal.hasNewAnswers) return error;
  await spool.cutAtBatch(before);
  const hasNewOutcomes = spool.isWhole && spool.tally.total > before;
  const stage = async (): Promise<void> => {
    if (hasNewOutcomes) await stagePartial(attempt.place, outcomes, attempt.options.output);
    if (spool.isWhole) await answers.stage(spool.tally.total);
  };
  if (!isOver) {
    // A failure to stage must not replace the error of the run.
    await stage().catch(() => {});
    return error;
  }
  const isStaged = await stage().then(
    () => true,
    (failure: unknown) => {
      if (!isStoreBusy(failure)) throw failure;
      return false;
    },
  );
  const progressed = isStaged && (hasNewOutcomes || (spool.isWhole && answers.journal.hasNewAnswers));
  return new BrokenOffError({ ...answers.at, progressed }, error);
}
