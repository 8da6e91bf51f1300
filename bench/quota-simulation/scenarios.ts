import type { QuotaChange } from './simulated-endpoint.ts';
import type { Sample, SimulationOptions } from './simulate.ts';
import { simulate } from './simulate.ts';

const SEED = 1;
const MINUTE = 60;
/** What fills the time of a function: 15 minutes less one. */
const PATIENCE_MILLIS = 14 * 60_000;

export interface Scenario {
  readonly name: string;
  /** Requests a second, each for as many minutes. */
  readonly quotas: readonly { readonly perSec: number; readonly minutes: number }[];
  /** The most workers that backlog and account allow. */
  readonly wanted: number;
  /** Of a mean answer. With 16 requests under way, 400 ms let one worker do 40 requests a second. @default 400 */
  readonly latencyMillis?: number;
}

const MOST_UNDER_WAY = 16;
const LATENCY_MILLIS = 400;

/** The one that the plot shows. */
export const SHOWN: Scenario = {
  name: '100 → 50 → 100 → 200 /s, slow model (2 /s a worker)',
  quotas: [100, 50, 100, 200].map((perSec) => ({ perSec, minutes: 30 })),
  wanted: 200,
  latencyMillis: 8000,
};

export const SCENARIOS: readonly Scenario[] = [
  SHOWN,
  {
    name: '100 → 50 → 100 → 200 /s',
    quotas: [100, 50, 100, 200].map((perSec) => ({ perSec, minutes: 30 })),
    wanted: 200,
  },
  {
    name: '20 → 40 /s',
    quotas: [
      { perSec: 20, minutes: 40 },
      { perSec: 40, minutes: 20 },
    ],
    wanted: 200,
  },
  {
    name: '500 → 1000 /s',
    quotas: [
      { perSec: 500, minutes: 25 },
      { perSec: 1000, minutes: 20 },
    ],
    wanted: 200,
  },
  ...[1, 2, 8, 50].map((wanted) => ({
    name: `100 /s, ${wanted} ${wanted === 1 ? 'worker' : 'workers'} wanted`,
    quotas: [{ perSec: 100, minutes: 40 }],
    wanted,
  })),
];

/** Requests a second that one worker gets through when nothing holds it back. */
export function workerCapacity({ latencyMillis = LATENCY_MILLIS }: Scenario): number {
  return (MOST_UNDER_WAY / latencyMillis) * 1000;
}

export function quotaChanges({ quotas }: Scenario): readonly QuotaChange[] {
  let fromSecs = 0;
  return quotas.map(({ perSec, minutes }) => {
    const change = { fromSecs, perSec };
    fromSecs += minutes * MINUTE;
    return change;
  });
}

export function runScenario(scenario: Scenario, governed: boolean, more: Partial<SimulationOptions> = {}) {
  const { quotas, wanted, latencyMillis = LATENCY_MILLIS } = scenario;
  return simulate({
    seed: SEED,
    secs: quotas.reduce((sum, { minutes }) => sum + minutes * MINUTE, 0),
    quota: quotaChanges(scenario),
    wanted,
    governed,
    maxUnderWay: MOST_UNDER_WAY,
    latencyMillis,
    bundleRequests: 500,
    patienceMillis: PATIENCE_MILLIS,
    ...more,
  }) satisfies readonly Sample[];
}
