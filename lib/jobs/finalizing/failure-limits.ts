import type { Pipeline } from '../../config/fabric.ts';
import type { Counts } from '../manifest.ts';

/** A ratio says little before this many outcomes are there. */
const LEAST_OUTCOMES_FOR_RATIO = 1000;

export type FailureLimits = Pick<Pipeline, 'maxFailures' | 'maxFailureRatio'>;

/** Whether a job is only burning money: more elements have failed than its pipeline allows. */
export function isPastLimits(
  { total, failed }: Pick<Counts, 'total' | 'failed'>,
  { maxFailures, maxFailureRatio }: FailureLimits,
): boolean {
  if (maxFailures !== undefined && failed > maxFailures) return true;
  return maxFailureRatio !== undefined && total >= LEAST_OUTCOMES_FOR_RATIO && failed / total > maxFailureRatio;
}

export function hasLimits({ maxFailures, maxFailureRatio }: FailureLimits): boolean {
  return maxFailures !== undefined || maxFailureRatio !== undefined;
}
