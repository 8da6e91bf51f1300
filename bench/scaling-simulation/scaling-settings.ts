import { container } from '../../lib/config/compute.ts';
import { CONTAINER_SCALING } from '../../lib/config/container-scaling.ts';

/** The scaling policies and their metrics. */
export interface Design {
  /** Steps by the number of bundles, or target tracking of bundles per task, with a separate policy for the first task. */
  readonly follow: 'steps' | 'tracking';
  /** True if the queue is queried every few hours, so that its metrics never stop. */
  readonly keptActive: boolean;
  /** Seconds after sending bundles until intake itself requests the first task. */
  readonly intakeWakesAfterSecs?: number;
}

export interface ScalingSettings {
  readonly backlogPerTask: number;
  readonly maxTasks: number;
  readonly minTasks: number;
  readonly backlogMinutes: number;
  readonly cooldownSecs: number;
  readonly idleMinutes: number;
  readonly design: Design;
}

const { backlogPerTask, maxTasks, minTasks } = container();
const { backlogMinutes, cooldownSecs, idleMinutes } = CONTAINER_SCALING;

/** The defaults of a deployment. */
export const DEPLOYED: ScalingSettings = {
  backlogPerTask,
  maxTasks,
  minTasks,
  backlogMinutes,
  cooldownSecs,
  idleMinutes,
  design: { follow: 'steps', keptActive: true },
};
