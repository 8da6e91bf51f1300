import { percentile } from '../percentile.ts';
import type { Arrival, SimulationResult } from './simulate.ts';

/** What came of one trace. Ages are in seconds. */
export interface Figures {
  /** From a bundle's arrival to a task that takes it. */
  readonly taken: Ages;
  /** From a bundle's arrival to its answer. */
  readonly answered: Ages;
  /** How much later it was answered than by all tasks that there may be, had they been there all the time. */
  readonly late: Ages;
  /** Of the work of a bundle, on average. */
  readonly bundleSecs: number;
  readonly instanceHours: number;
  /** Hours of work in an hour of instances. */
  readonly utilisation: number;
  readonly tasksStarted: number;
}

export interface Ages {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

export function figures(
  { bundles, billedSecs, tasksStarted }: SimulationResult,
  answeredAtBest: readonly number[],
): Figures {
  const work = bundles.reduce((sum, { workSecs }) => sum + workSecs, 0);
  return {
    taken: ages(bundles.map(({ takenAt, arrivedAt }) => takenAt - arrivedAt)),
    answered: ages(bundles.map(({ answeredAt, arrivedAt }) => answeredAt - arrivedAt)),
    late: ages(bundles.map(({ answeredAt }, index) => Math.max(0, answeredAt - (answeredAtBest[index] ?? Number.NaN)))),
    bundleSecs: work / bundles.length,
    instanceHours: billedSecs / 3600,
    utilisation: work / billedSecs,
    tasksStarted,
  };
}

/** When each bundle, in the order of arrival, would be answered by so many tasks that are there all the time. */
export function answersAtBest(arrivals: readonly Arrival[], tasks: number): readonly number[] {
  const freeAt = Array.from({ length: tasks }, () => 0);
  return arrivals.flatMap(({ at, workSecs }) =>
    workSecs.map((secs) => {
      const first = freeAt.indexOf(Math.min(...freeAt));
      const answeredAt = Math.max(at, freeAt[first] ?? 0) + secs;
      freeAt[first] = answeredAt;
      return answeredAt;
    }),
  );
}

function ages(values: readonly number[]): Ages {
  return { p50: percentile(values, 0.5), p95: percentile(values, 0.95), max: percentile(values, 1) };
}
