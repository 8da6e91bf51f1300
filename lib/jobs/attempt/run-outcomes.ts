import { FabricError } from '../../errors.ts';
import type { Bundle, BundleSummary } from '../../inference/bundle.ts';
import { isStoreBusy } from '../../stores/patience.ts';
import { OutcomeSpool } from '../commit/outcome-spool.ts';
import type { PartPlace } from '../output-layout.ts';
import { resumePartial, stagePartial } from './partial-outcomes.ts';
import type { Attempt, BundleProcessorOptions } from './processor-options.ts';
import { isThrottle, StagedAnswers } from './staged-answers.ts';

/** A bundle and where it belongs. */
export interface BundleWork {
  readonly place: PartPlace;
  readonly bundle: Bundle;
  /** Receives of other messages, in whose place this one was sent. @default none */
  readonly receivesBefore?: number;
  /** Called before a part is committed, and before one that was found is settled. @default nothing is done */
  readonly beforeSettling?: () => Promise<void>;
}

/** All outcomes of a bundle, with those of earlier attempts. */
export interface BundleOutcomes extends Pick<BundleSummary, 'elapsedMillis'> {
  readonly spool: OutcomeSpool;
}

/** How far a bundle had come when it was broken off. */
export interface BrokenOffAt {
  /** Whether there is more now than the attempt before had left. */
  readonly progressed: boolean;
  /** Whether it waited for an endpoint: then no progress is no fault of its own. @default false */
  readonly throttled?: boolean;
  /** How long the endpoint wants to be left alone, in milliseconds. @default not at all */
  readonly delayMillis?: number | undefined;
}

/** The deadline came in mid-bundle, or an endpoint wants to be left alone for longer than it could wait. What there was is kept. */
export class BrokenOffError extends FabricError {
  override readonly name = 'BrokenOffError';
  readonly at: BrokenOffAt;
  constructor(at: BrokenOffAt, cause: unknown) {
    super('BROKEN_OFF', 'the deadline came before the bundle was done', { cause, disposition: 'retry' });
    this.at = at;
  }
}

/**
 * Runs what earlier attempts have left of a bundle, and gives all of its outcomes to `use`.
 *
 * A source that goes away in mid-bundle takes the bundle's other outcomes with it: its range is one failure.
 *
 * @throws BrokenOffError at the deadline, with the outcomes so far staged for the next attempt.
 */
export async function runOutcomes(
  work: BundleWork,
  attempt: Attempt,
  options: BundleProcessorOptions,
  use: (outcomes: BundleOutcomes) => Promise<void>,
): Promise<void> {
  try {
    await runOnce(work, attempt, options, { use, resume: true });
  } catch (error) {
    if (!(error instanceof FabricError) || error.code !== 'SOURCE_GONE') throw error;
    await runOnce(work, attempt, options, { use, resume: false });
  }
}

interface Run {
  readonly use: (outcomes: BundleOutcomes) => Promise<void>;
  /** Whether to go on from what an earlier attempt staged. */
  readonly resume: boolean;
}

async function runOnce(
  { place, bundle, receivesBefore = 0 }: BundleWork,
  { received, deadline }: Attempt,
  { engine, output }: BundleProcessorOptions,
  { use, resume }: Run,
): Promise<void> {
  const { signal } = deadline;
  await using spool = await OutcomeSpool.open();
  const earlier = resume ? await resumePartial(place, spool, output, { signal }) : undefined;
  const answers = await StagedAnswers.take(place, { pipeline: engine.pipeline, output }, { signal });
  const startedAt = performance.now();
  const elapsedMillis = (): number => (earlier?.elapsedMillis ?? 0) + performance.now() - startedAt;
  const receives = receivesBefore + received.receiveCount;
  const rest = { ...bundle, receives, skipElements: spool.tally.total };
  try {
    await engine.process(rest, spool, answers.processOptions(deadline));
  } catch (error) {
    const isOver = signal.aborted || isThrottle(error);
    if (!isOver && !answers.journal.hasNewAnswers) throw error;
    const before = earlier?.elements ?? 0;
    await spool.cutAtBatch(before);
    const hasNewOutcomes = spool.isWhole && spool.tally.total > before;
    const stage = async (): Promise<void> => {
      if (hasNewOutcomes) await stagePartial(place, spool, elapsedMillis(), output);
      if (spool.isWhole) await answers.stage(spool.tally.total);
    };
    if (!isOver) {
      // Nobody should hear of the staging in its place.
      await stage().catch(() => {});
      throw error;
    }
    const isStaged = await stage().then(
      () => true,
      (failure: unknown) => {
        if (!isStoreBusy(failure)) throw failure;
        return false;
      },
    );
    const progressed = isStaged && (hasNewOutcomes || (spool.isWhole && answers.journal.hasNewAnswers));
    throw new BrokenOffError({ ...answers.at, progressed }, error);
  }
  await spool.close();
  try {
    await use({ spool, elapsedMillis: elapsedMillis() });
  } catch (error) {
    // Outcomes that could not be committed are kept for the next attempt.
    if (answers.journal.hasNewAnswers || isStoreBusy(error))
      await stagePartial(place, spool, elapsedMillis(), output).catch(() => {});
    throw error;
  }
}
