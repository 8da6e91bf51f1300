import { commitPart } from '../commit/commit-part.ts';
import type { BundleAttempt } from '../attempt/processor-options.ts';
import { readPart } from '../commit/part-metadata.ts';
import { BrokenOffError, runOutcomes } from '../attempt/run-outcomes.ts';
import { settlePart } from '../commit/settle-part.ts';

/**
 * Runs a bundle to its committed and settled part. Other attempts at it can run at the same time.
 *
 * @throws BrokenOffError at the deadline: another attempt goes on from there.
 */
export async function runPart(attempt: BundleAttempt): Promise<void> {
  const { place, options } = attempt;
  const { output, pipelineName, deadLetters, telemetry } = options;
  await runOutcomes(attempt, async ({ spool, elapsedMillis }) => {
    await attempt.beforeSettling?.();
    // Complete outcomes are committed even after the deadline, which leaves time for that.
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

/** Settles a bundle's part. Returns false if there is no part. */
export async function settleCommitted({
  place,
  beforeSettling,
  deadline,
  options,
}: Omit<BundleAttempt, 'bundle'>): Promise<boolean> {
  const { output, pipelineName, deadLetters, telemetry } = options;
  const { signal } = deadline;
  const part = await readPart(place, output, { signal });
  if (part === undefined) return false;
  if (part.note.errors !== undefined) await beforeSettling?.();
  await settlePart(place, part, { pipeline: pipelineName, deadLetters, output, telemetry, signal });
  return true;
}
