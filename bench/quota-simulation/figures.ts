import type { Sample } from './simulate.ts';
import { quotaChanges, type Scenario, workerCapacity } from './scenarios.ts';

const MINUTE = 60;
/** The end of each quota's time, which is taken for its steady state. */
const STEADY_SECS = 10 * MINUTE;
/** The most that a minute may be under the new quota to count as recovered. */
const RECOVERED = 0.9;

/** What came of the time in which one quota held. */
export interface PhaseFigures {
  readonly quota: number;
  /** What the workers that were wanted could do of the quota; at most 1. */
  readonly possible: number;
  /** In steady state: requests accepted, of the quota. */
  readonly used: number;
  /** In steady state: requests throttled, of all that were sent. */
  readonly throttled: number;
  /** In steady state: workers that ran, on average. */
  readonly workers: number;
  /** Seconds until a whole minute used nine tenths of what is possible of the quota. */
  readonly recoverySecs: number;
}

/** What all of it cost. */
export interface Costs {
  readonly throttledRequests: number;
  readonly workerHours: number;
  /** Hours of workers beyond those that could have done the same without a break. */
  readonly idleHours: number;
}

export function phaseFigures(scenario: Scenario, samples: readonly Sample[]): readonly PhaseFigures[] {
  const starts = quotaChanges(scenario);
  return starts.map(({ fromSecs, perSec: quota }, index) => {
    const phase = samples.slice(fromSecs, starts[index + 1]?.fromSecs);
    const steady = phase.slice(-STEADY_SECS);
    const possible = Math.min(1, (scenario.wanted * workerCapacity(scenario)) / quota);
    const accepted = sum(steady, 'accepted');
    return {
      quota,
      possible,
      used: accepted / sum(steady, 'quota'),
      throttled: sum(steady, 'throttled') / (accepted + sum(steady, 'throttled')),
      workers: sum(steady, 'workers') / steady.length,
      recoverySecs: secsUntil(phase, quota * possible * RECOVERED),
    };
  });
}

export function costs(scenario: Scenario, samples: readonly Sample[]): Costs {
  const workerSecs = sum(samples, 'workers');
  return {
    throttledRequests: sum(samples, 'throttled'),
    workerHours: workerSecs / 3600,
    idleHours: (workerSecs - sum(samples, 'accepted') / workerCapacity(scenario)) / 3600,
  };
}

function secsUntil(samples: readonly Sample[], perSec: number): number {
  let accepted = 0;
  for (const [at, sample] of samples.entries()) {
    accepted += sample.accepted - (samples[at - MINUTE]?.accepted ?? 0);
    if (at >= MINUTE - 1 && accepted >= perSec * MINUTE) return at + 1;
  }
  return Infinity;
}

function sum(samples: readonly Sample[], name: keyof Sample): number {
  return samples.reduce((total, sample) => total + sample[name], 0);
}
