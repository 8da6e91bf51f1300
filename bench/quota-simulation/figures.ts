import type { Sample } from './simulate.ts';
import { quotaChanges, type Scenario, engineCapacity } from './scenarios.ts';

/** The last ten minutes of each quota's time are taken for its steady state. */
const STEADY_SECS = 600;
/** Share of the possible rate under a new quota that counts as recovered, for this time. */
const RECOVERED = 0.9;
const RECOVERED_SECS = 30;

/** Results of the time with one quota. */
export interface PhaseFigures {
  readonly quota: number;
  /** Share of the quota that the maximum number of engines could use; at most 1. */
  readonly possible: number;
  /** In steady state: accepted requests, as a share of the quota. */
  readonly used: number;
  /** In steady state: throttled requests, as a share of all that were sent. */
  readonly throttled: number;
  /** In steady state: mean number of busy engines. */
  readonly engines: number;
  /** Seconds until nine tenths of what is possible of the quota had been used for half a minute. */
  readonly recoverySecs: number;
}

/** Cost of the whole scenario. */
export interface Costs {
  readonly throttledRequests: number;
  /** Hours of all engines, busy or waiting: the hours that are billed. */
  readonly engineHours: number;
  /** Hours beyond those in which engines that never wait would have done the same. */
  readonly idleHours: number;
}

export function phaseFigures(scenario: Scenario, samples: readonly Sample[]): readonly PhaseFigures[] {
  const starts = quotaChanges(scenario);
  return starts.map(({ fromSecs, perSec: quota }, index) => {
    const phase = samples.slice(fromSecs, starts[index + 1]?.fromSecs);
    const steady = phase.slice(-STEADY_SECS);
    const possible = Math.min(1, (scenario.wanted * engineCapacity(scenario)) / quota);
    const accepted = sum(steady, 'accepted');
    return {
      quota,
      possible,
      used: accepted / sum(steady, 'quota'),
      throttled: sum(steady, 'throttled') / (accepted + sum(steady, 'throttled')),
      engines: sum(steady, 'engines') / steady.length,
      recoverySecs: secsUntil(phase, quota * possible * RECOVERED),
    };
  });
}

export function costs(scenario: Scenario, samples: readonly Sample[]): Costs {
  const engineSecs = sum(samples, 'engines');
  return {
    throttledRequests: sum(samples, 'throttled'),
    engineHours: engineSecs / 3600,
    idleHours: (engineSecs - sum(samples, 'accepted') / engineCapacity(scenario)) / 3600,
  };
}

function secsUntil(samples: readonly Sample[], perSec: number): number {
  let accepted = 0;
  for (const [at, sample] of samples.entries()) {
    accepted += sample.accepted - (samples[at - RECOVERED_SECS]?.accepted ?? 0);
    if (at + 1 >= RECOVERED_SECS && accepted >= perSec * RECOVERED_SECS) return at + 1;
  }
  return Infinity;
}

function sum(samples: readonly Sample[], name: keyof Sample): number {
  return samples.reduce((total, sample) => total + sample[name], 0);
}
