/**
 * How the number of a pipeline's tasks follows its backlog. `npm run simulate:scaling` shows what each value costs and saves,
 * and by which criterion they were chosen (docs/scaling.md).
 */
export const CONTAINER_SCALING = {
  /**
   * A task is started for bundles that are there for so many minutes. SQS's counts are approximate: now and then an empty
   * queue shows a message for a minute (https://github.com/kedacore/keda/issues/7845), and an instance would be paid for.
   */
  backlogMinutes: 2,
  /** Tasks are taken away so many seconds apart at least: longer keeps tasks that have nothing to do. */
  cooldownSecs: 60,
  /** New work within so many minutes finds models loaded. */
  idleMinutes: 3,
  /** A queue that nobody has used for six hours has no metrics, and those that follow come up to 15 minutes late. */
  lookHours: 2,
} as const;

/** What a scaling policy can have of them: https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-limits.html */
const MAX_STEPS = 20;

/** From so many bundles on, waiting or at work, there are so many tasks. */
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
