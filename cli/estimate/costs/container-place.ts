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
 * Seconds for which an instance is paid for until it has booted and fetched the image, and after its task has ended. They are
 * assumed, as in docs/scaling.md: nothing of this fabric has run on AWS. Elsewhere a g6 of ECS Managed Instances was there
 * after 42 s, and the task of a large image ran on it after 165 to 281 s. The image for CPUs is a fraction of that for GPUs.
 */
export const INSTANCE_SECS = { start: { cpu: 120, gpu: 195 }, end: 300 } as const;
/** Until the alarm has seen bundles wait, as SQS's counts come late. Nothing is paid for meanwhile. */
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

/** Dollars for an hour of an instance, with its disk, its address and ECS's fee. */
export function instanceHourDollars({ type, compute, prices }: InstanceBilling): number {
  const fee = type.gpu === undefined ? prices.managedCpuFeeShare : prices.managedGpuFeeShare;
  return (
    prices[type.name] * (1 + (compute.capacity === 'managed-instances' ? fee : 0)) +
    (compute.network === 'public' ? prices.addressHour : 0) +
    (INSTANCE_DISK_GIB * prices.diskGbMonth) / HOURS_PER_MONTH
  );
}

/** Seconds that a first task is paid for beside its work: until it takes bundles, and until it goes when there are none. */
export function wakeSecs(workload: Workload, type: InstanceType): number {
  return startSecs(workload, type) + INSTANCE_SECS.end + IDLE_SECS;
}

/** Tasks of ECS, each on an instance of its own, on demand: paid for from start to end, working or idle. */
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
    // Tasks that the backlog does not ask for any more go while others work; the last one stays for a while.
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
