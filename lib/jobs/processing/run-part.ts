import { commitPart } from '../commit/commit-part.ts';
import type { Attempt, BundleProcessorOptions } from '../attempt/processor-options.ts';
import { readPart } from '../commit/part-metadata.ts';
import { BrokenOffError, type BundleWork, runOutcomes } from '../attempt/run-outcomes.ts';
import { settlePart } from '../commit/settle-part.ts';

/**
 * Takes a bundle to its committed and settled part, however many attempts are at it.
 *
 * @throws BrokenOffError at the deadline: another attempt goes on from there.
 */
export async function runPart(work: BundleWork, attempt: Attempt, options: BundleProcessorOptions): Promise<void> {
  const { place } = work;
  const { output, pipelineName, deadLetters, telemetry } = options;
  await runOutcomes(work, attempt, options, async ({ spool, elapsedMillis }) => {
    await work.beforeSettling?.();
    // Outcomes that are all there are committed even past the deadline: it leaves the time for that.
    const { part, won } = await commitPart(place, spool, { output, models: spool.tally.models, elapsedMillis });
    if (won) {
      telemetry.count('bundles_committed', 1, pipelineName);
      telemetry.count('elements_succeeded', spool.tally.succeeded, pipelineName);
      telemetry.count('elements_failed', spool.tally.failed, pipelineName);
    }
    const { signal } = attempt.deadline;
    try {
      await settlePart(place, part, { pipeline: pipelineName, deadLetters, output, telemetry, signal });
    } catch (error) {
      throw signal.aborted ? new BrokenOffError({ progressed: true }, error) : error;
    }
  });
}

/** Settles a bundle's part, if it is there. */
export async function settleCommitted(
  { place, beforeSettling }: Pick<BundleWork, 'place' | 'beforeSettling'>,
  { deadline }: Attempt,
  { output, pipelineName, deadLetters, telemetry }: BundleProcessorOptions,
): Promise<boolean> {
  const { signal } = deadline;
  const part = await readPart(place, output, { signal });
  if (part === undefined) return false;
  if (part.note.errors !== undefined) await beforeSettling?.();
  await settlePart(place, part, { pipeline: pipelineName, deadLetters, output, telemetry, signal });
  return true;
}
