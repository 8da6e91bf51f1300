import type { QuotaChange } from './simulated-endpoint.ts';
import { type Sample, simulate, type SimulationOptions } from './simulate.ts';

const SEED = 1;
const MINUTE_SECS = 60;
/** Maximum in-flight requests of an engine. */
const MAX_IN_FLIGHT = 16;
const BUNDLE_REQUESTS = 500;
/** A function's 15 minutes minus one, in which it stores its results. */
const PATIENCE_MILLIS = 14 * 60_000;

export interface Scenario {
  readonly name: string;
  /** Quotas in requests per second, each with its minutes. */
  readonly quotas: readonly { readonly perSec: number; readonly minutes: number }[];
  /** Maximum number of engines that backlog and account allow. */
  readonly wanted: number;
  /** Mean latency of an answer. */
  readonly latencyMillis: number;
}

const UP_AND_DOWN = [100, 50, 100, 200].map((perSec) => ({ perSec, minutes: 30 }));

/** The one that the plot shows. */
export const SHOWN: Scenario = {
  name: 'answers take 1 s, an engine can do 16 /s',
  quotas: UP_AND_DOWN,
  wanted: 200,
  latencyMillis: 1000,
};

/** An engine learns from its answers, and has few here: the only scenario to which the promises do not apply. */
export const SLOW: Scenario = {
  name: 'answers take 8 s, an engine can do 2 /s',
  quotas: UP_AND_DOWN,
  wanted: 200,
  latencyMillis: 8000,
};

export const SCENARIOS: readonly Scenario[] = [
  SHOWN,
  { name: 'answers take 0.4 s, an engine can do 40 /s', quotas: UP_AND_DOWN, wanted: 200, latencyMillis: 400 },
  SLOW,
  {
    name: 'a small quota, an engine can do 40 /s',
    quotas: [20, 40].map((perSec) => ({ perSec, minutes: 30 })),
    wanted: 200,
    latencyMillis: 400,
  },
  {
    name: 'a large quota, an engine can do 40 /s',
    quotas: [500, 1000].map((perSec) => ({ perSec, minutes: 20 })),
    wanted: 200,
    latencyMillis: 400,
  },
  ...[1, 2, 8, 50].map((wanted) => ({
    name: 'answers take 0.4 s, an engine can do 40 /s',
    quotas: [{ perSec: 100, minutes: 30 }],
    wanted,
    latencyMillis: 400,
  })),
];

/** Returns the requests per second of an engine that nothing holds back. */
export function engineCapacity({ latencyMillis }: Scenario): number {
  return (MAX_IN_FLIGHT * 1000) / latencyMillis;
}

export function quotaChanges({ quotas }: Scenario): readonly QuotaChange[] {
  let fromSecs = 0;
  return quotas.map(({ perSec, minutes }) => {
    const change = { fromSecs, perSec };
    fromSecs += minutes * MINUTE_SECS;
    return change;
  });
}

export function runScenario(
  scenario: Scenario,
  governed: boolean,
  more: Partial<SimulationOptions> = {},
): readonly Sample[] {
  const { quotas, wanted, latencyMillis } = scenario;
  return simulate({
    seed: SEED,
    secs: quotas.reduce((sum, { minutes }) => sum + minutes * MINUTE_SECS, 0),
    quota: quotaChanges(scenario),
    wanted,
    governed,
    maxInFlight: MAX_IN_FLIGHT,
    latencyMillis,
    bundleRequests: BUNDLE_REQUESTS,
    patienceMillis: PATIENCE_MILLIS,
    ...more,
  });
}
