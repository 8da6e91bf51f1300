import type { Pipeline } from '../config/pipeline.ts';
import type { Counts, PartCounts } from './manifest.ts';

/** Minimum number of outcomes for a ratio, and number of first elements that stop a job if all fail for one reason. */
export const LEAST_OUTCOMES = 1000;

export type FailureLimits = Pick<Pipeline, 'maxFailures' | 'maxFailureRatio'>;

/** Returns whether a job exceeds the failure limits of its pipeline, so that running more of it only costs money. */
export function isPastLimits(
  { total, failed }: Pick<Counts, 'total' | 'failed'>,
  { maxFailures, maxFailureRatio }: FailureLimits,
): boolean {
  if (maxFailures !== undefined && failed > maxFailures) return true;
  return maxFailureRatio !== undefined && total >= LEAST_OUTCOMES && failed / total > maxFailureRatio;
}

export function hasLimits({ maxFailures, maxFailureRatio }: FailureLimits): boolean {
  return maxFailures !== undefined || maxFailureRatio !== undefined;
}

/** Returns whether a job is stopped if its first elements all fail for one reason; not with `maxFailureRatio: 1`. */
export function stopsWhenAllFail({ maxFailureRatio }: FailureLimits): boolean {
  return maxFailureRatio !== 1;
}

/** Returns a sentence on which limit of its pipeline a job exceeds; undefined if it exceeds no limit. */
export function limitReason(counts: Pick<Counts, 'total' | 'failed'>, limits: FailureLimits): string | undefined {
  if (!isPastLimits(counts, limits)) return undefined;
  const { maxFailures, maxFailureRatio } = limits;
  const failed = counts.failed.toLocaleString('en');
  return maxFailures !== undefined && counts.failed > maxFailures
    ? `${failed} ${counts.failed === 1 ? 'element' : 'elements'} failed: 'maxFailures' is ${maxFailures.toLocaleString('en')}`
    : `${failed} of ${counts.total.toLocaleString('en')} elements failed: 'maxFailureRatio' is ${maxFailureRatio}`;
}

/**
 * Returns why a job must be stopped, from the counts of its parts: they exceed its pipeline's limits, or all elements
 * so far failed at one stage. Undefined if the job can go on.
 */
export function stopReason(counts: PartCounts, limits: FailureLimits): string | undefined {
  const reason = limitReason(counts, limits);
  if (reason !== undefined || !stopsWhenAllFail(limits)) return reason;
  const [stage, ...others] = Object.keys(counts.failedByStage);
  if (counts.succeeded > 0 || counts.total < LEAST_OUTCOMES || stage === undefined || others.length > 0)
    return undefined;
  return `the first ${counts.total.toLocaleString('en')} elements all failed at ${stage}`;
}
