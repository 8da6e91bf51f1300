import { type Figures, answersAtBest, figures } from './figures.ts';
import { DEPLOYED, type ScalingSettings } from './scaling-settings.ts';
import { simulate } from './simulate.ts';
import { SURROUNDINGS } from './surroundings.ts';
import { type Trace, TRACES, TRYING_OUT } from './traces.ts';

/** What came of some settings in all traces. */
export interface Evaluation {
  readonly settings: ScalingSettings;
  readonly byTrace: ReadonlyMap<Trace, Figures>;
  /** Hours of instances for an hour of work: the geometric mean over the traces, so that each counts alike. */
  readonly paidForWork: number;
  /** How much later than at best half of the bundles are answered, the mean over the traces. */
  readonly lateSecs: number;
}

export type Swept = 'backlogPerTask' | 'backlogMinutes' | 'idleMinutes' | 'cooldownSecs';

/** What is tried for each setting, the others being as they are deployed. */
export const CANDIDATES: Readonly<Record<Swept, readonly number[]>> = {
  backlogPerTask: [2, 5, 10, 15, 20, 50],
  backlogMinutes: [1, 2, 3],
  idleMinutes: [1, 3, 5, 7, 10, 30],
  cooldownSecs: [60, 300, 900],
};

/**
 * Nineteen of twenty bundles shall be answered so soon after all tasks there may be would have, had they been there all the time,
 * or so many bundles later: one task works on those that another one is not started for.
 */
const LATE_SECS = 15 * 60;
const LATE_BUNDLES = 6;
/** Somebody who tries things out shall find models loaded more often than not, and wait so long at most in one case of two. */
const TRYING_OUT_LATE_SECS = 5 * 60;
/** What costs so little more is taken for what is quicker. */
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

/** Whether nobody waits too long. */
export function isSoonEnough({ byTrace }: Evaluation): boolean {
  return Array.from(byTrace).every(([trace, { late, bundleSecs }]) => {
    const most = LATE_SECS + LATE_BUNDLES * bundleSecs;
    return late.p95 <= most && (trace !== TRYING_OUT || late.p50 <= TRYING_OUT_LATE_SECS);
  });
}

/** The criterion: what is paid least for of what is soon enough, and of what is paid about as much for, the quickest. */
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
