/**
 * How the number of a pipeline's tasks follows its backlog. `npm run simulate:scaling` shows what each value costs and saves,
 * and by which criterion they were chosen (docs/scaling.md).
 */
export const CONTAINER_SCALING = {
  /**
   * Minutes for which there must be bundles before a task is started. SQS's counts are approximate: an empty queue can show
   * a message for a minute (https://github.com/kedacore/keda/issues/7845), and that would start a paid instance.
   */
  backlogMinutes: 2,
  /** Minimum seconds between two removals of tasks. A longer time keeps idle tasks. */
  cooldownSecs: 60,
  /** Minutes for which idle tasks keep their models loaded. */
  idleMinutes: 3,
  /** A queue that was not used for six hours has no metrics, and the first ones after that are up to 15 minutes late. */
  lookHours: 2,
} as const;

/** Maximum steps of a scaling policy: https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-limits.html */
const MAX_STEPS = 20;

/** Number of tasks from a number of bundles on, waiting or in progress. */
export interface BacklogStep {
  readonly fromBundles: number;
  readonly tasks: number;
}

/** A task for each `backlogPerTask` bundles or part of them. Where that would be too many steps, several tasks come at once. */
export function backlogSteps({
  backlogPerTask,
  maxTasks,
}: {
  readonly backlogPerTask: number;
  readonly maxTasks: number;
}): readonly BacklogStep[] {
  const steps = Math.min(maxTasks, MAX_STEPS);
  const tasksOf = (step: number): number => Math.ceil((maxTasks * step) / steps);
  return Array.from({ length: steps }, (_, step) => ({
    fromBundles: tasksOf(step) * backlogPerTask + 1,
    tasks: tasksOf(step + 1),
  }));
}
