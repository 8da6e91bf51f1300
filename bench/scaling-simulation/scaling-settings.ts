import { container } from '../../lib/config/compute.ts';
import { CONTAINER_SCALING } from '../../lib/config/container-scaling.ts';

/** Which policies there are, and what tells them. */
export interface Design {
  /** Steps by the bundles that there are, or target tracking of bundles for each task, with a policy of its own for the first. */
  readonly follow: 'steps' | 'tracking';
  /** Whether somebody looks at the queue every few hours, so that its metrics never stop. */
  readonly keptActive: boolean;
  /** Intake asks for the first task itself, so many seconds after it sent bundles. */
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

/** What is deployed where nothing is said. */
export const DEPLOYED: ScalingSettings = {
  backlogPerTask,
  maxTasks,
  minTasks,
  backlogMinutes,
  cooldownSecs,
  idleMinutes,
  design: { follow: 'steps', keptActive: true },
};
