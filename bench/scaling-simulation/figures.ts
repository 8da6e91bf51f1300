import { percentile } from '../percentile.ts';
import type { Arrival, SimulationResult } from './simulate.ts';

/** Results of one trace. Ages are in seconds. */
export interface Figures {
  /** Time from a bundle's arrival until a task receives it. */
  readonly taken: Ages;
  /** Time from a bundle's arrival to its answer. */
  readonly answered: Ages;
  /** Delay of its answer, compared with the maximum number of tasks running all the time. */
  readonly late: Ages;
  /** Mean work of a bundle. */
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

/** Returns when each bundle, in the order of arrival, would be answered by a number of tasks that run all the time. */
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
