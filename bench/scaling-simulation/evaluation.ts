import { type Figures, answersAtBest, figures } from './figures.ts';
import { DEPLOYED, type ScalingSettings } from './scaling-settings.ts';
import { simulate } from './simulate.ts';
import { SURROUNDINGS } from './surroundings.ts';
import { type Trace, TRACES, TRYING_OUT } from './traces.ts';

/** Results of some settings in all traces. */
export interface Evaluation {
  readonly settings: ScalingSettings;
  readonly byTrace: ReadonlyMap<Trace, Figures>;
  /** Hours of instances for an hour of work: the geometric mean over the traces, so that each counts alike. */
  readonly paidForWork: number;
  /** Median delay of bundles, compared with the best possible answer; the mean over the traces. */
  readonly lateSecs: number;
}

export type Swept = 'backlogPerTask' | 'backlogMinutes' | 'idleMinutes' | 'cooldownSecs';

/** Candidates for each setting; the other settings are the deployed ones. */
export const CANDIDATES: Readonly<Record<Swept, readonly number[]>> = {
  backlogPerTask: [2, 5, 10, 15, 20, 50],
  backlogMinutes: [1, 2, 3],
  idleMinutes: [1, 3, 5, 7, 10, 30],
  cooldownSecs: [60, 300, 900],
};

/**
 * Maximum delay of nineteen of twenty bundles, compared with the maximum number of tasks running all the time: a time, plus
 * the time of a few bundles, which one task processes because no other is started for them.
 */
const LATE_SECS = 15 * 60;
const LATE_BUNDLES = 6;
/** Maximum median delay for a user who tries things out: models are loaded already more often than not. */
const TRYING_OUT_LATE_SECS = 5 * 60;
/** Ratio of costs that counts as equal: then the faster settings are chosen. */
const CLOSE = 1.02;

export function evaluate(settings: ScalingSettings): Evaluation {
  const byTrace = new Map(TRACES.map((trace) => [trace, figuresOf(trace, settings)]));
  const all = [...byTrace.values()];
  return {
    settings,
    byTrace,
    paidForWork: Math.exp(meanOf(all.map(({ utilisation }) => -Math.log(utilisation)))),
    lateSecs: meanOf(all.map(({ late }) => late.p50)),
  };
}

export function figuresOf(trace: Trace, settings: ScalingSettings): Figures {
  const { arrivals } = trace;
  return figures(simulate(arrivals, settings, SURROUNDINGS), answersAtBest(arrivals, settings.maxTasks));
}

/** All candidates of one setting. */
export function sweep(setting: Swept, deployed = evaluate(DEPLOYED)): readonly Evaluation[] {
  return CANDIDATES[setting].map((value) =>
    value === DEPLOYED[setting] ? deployed : evaluate({ ...DEPLOYED, [setting]: value }),
  );
}

/** Returns true if no bundle waits too long. */
export function isSoonEnough({ byTrace }: Evaluation): boolean {
  return Array.from(byTrace).every(([trace, { late, bundleSecs }]) => {
    const maxSecs = LATE_SECS + LATE_BUNDLES * bundleSecs;
    return late.p95 <= maxSecs && (trace !== TRYING_OUT || late.p50 <= TRYING_OUT_LATE_SECS);
  });
}

/** Chooses the cheapest settings that are soon enough, and the fastest of those with about the same costs. */
export function choose(evaluations: readonly Evaluation[]): Evaluation | undefined {
  const soonEnough = evaluations.filter(isSoonEnough);
  const least = Math.min(...soonEnough.map(({ paidForWork }) => paidForWork));
  return soonEnough
    .filter(({ paidForWork }) => paidForWork <= least * CLOSE)
    .toSorted((one, other) => one.lateSecs - other.lateSecs)[0];
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
