import { type ContainerCompute, INSTANCE_DISK_GIB } from '../../../lib/config/compute.ts';
import { CONTAINER_SCALING } from '../../../lib/config/container-scaling.ts';
import type { InstanceType } from './instance-types.ts';
import type { Burst, Place } from './place.ts';
import type { Prices } from './prices.ts';
import {
  bundlesOf,
  requestDollars,
  requestSecs,
  secsPerElement,
  steadyRequestDollars,
  type Workload,
} from './workload.ts';

/**
 * Billed seconds of an instance until it has booted and pulled the image, and after its task has ended. They are
 * assumptions, as in docs/scaling.md, because this fabric has not run on AWS. Others measured 42 s until a g6 of ECS
 * Managed Instances was running, and 165 to 281 s until the task of a large image ran on it. The CPU image is much smaller.
 */
export const INSTANCE_SECS = { start: { cpu: 120, gpu: 195 }, end: 300 } as const;
/** Seconds until the alarm sees waiting bundles, because SQS reports its counts late. They are not billed. */
const ALARM_SECS = 90 + CONTAINER_SCALING.backlogMinutes * 60;
const IDLE_SECS = CONTAINER_SCALING.idleMinutes * 60;
const HOURS_PER_MONTH = 730;

export interface InstanceBilling {
  readonly type: InstanceType;
  readonly compute: Pick<ContainerCompute, 'capacity' | 'network'>;
  readonly prices: Prices;
}

export interface ContainerPlaceOptions extends InstanceBilling {
  readonly compute: Pick<ContainerCompute, 'cpu' | 'backlogPerTask' | 'maxTasks' | 'minTasks' | 'capacity' | 'network'>;
}

/** Returns the dollars per hour of an instance, including disk, public address and the fee of ECS. */
export function instanceHourDollars({ type, compute, prices }: InstanceBilling): number {
  const fee = type.gpu === undefined ? prices.managedCpuFeeShare : prices.managedGpuFeeShare;
  return (
    prices[type.name] * (1 + (compute.capacity === 'managed-instances' ? fee : 0)) +
    (compute.network === 'public' ? prices.addressHour : 0) +
    (INSTANCE_DISK_GIB * prices.diskGbMonth) / HOURS_PER_MONTH
  );
}

/** Returns the billed seconds of a first task without its work: until it receives bundles, and until it stops when idle. */
export function wakeSecs(workload: Workload, type: InstanceType): number {
  return startSecs(workload, type) + INSTANCE_SECS.end + IDLE_SECS;
}

/** Describes ECS tasks, each on its own on-demand instance, which is billed from start to end, working or idle. */
export function containerPlace(workload: Workload, { type, compute, prices }: ContainerPlaceOptions): Place {
  const { cpu, backlogPerTask, maxTasks, minTasks } = compute;
  const secDollars = instanceHourDollars({ type, compute, prices }) / 3600;
  const perElement = secsPerElement(workload, cpu);

  const burst = (elements: number): Burst => {
    if (elements === 0) return { secs: 0, atOnce: 0, dollars: 0 };
    const workSecs = elements * perElement;
    const bundles = bundlesOf(workload, elements);
    const wanted = bundles / backlogPerTask;
    const tasks = Math.min(Math.max(wanted, minTasks, 1), maxTasks);
    // Tasks that the backlog no longer needs stop while others work; the last one waits for new bundles.
    const paidSecs =
      workSecs + wakeSecs(workload, type) + (tasks - 1) * (startSecs(workload, type) + INSTANCE_SECS.end);
    return {
      secs: ALARM_SECS + startSecs(workload, type) + Math.max(workSecs / tasks, requestSecs(workload, elements)),
      atOnce: tasks,
      dollars: paidSecs * secDollars + requestDollars(workload, { elements, bundles, prices }),
    };
  };
  const steadyDollars = perElement * secDollars + steadyRequestDollars(workload, prices);
  return { name: type.name, secsPerElement: perElement, steadyDollars, burst };
}

function startSecs(workload: Workload, { gpu }: InstanceType): number {
  return INSTANCE_SECS.start[gpu === undefined ? 'cpu' : 'gpu'] + workload.startSecs;
}
