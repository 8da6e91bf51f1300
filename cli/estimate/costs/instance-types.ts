import { TASK_MEMORY_SHARE } from '../../../lib/config/compute.ts';
import type { PriceName } from './prices.ts';

export interface InstanceType {
  readonly name: PriceName;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly gpu?: string;
}

/** CPU instance types, each twice as large as the previous one. ECS may choose cheaper types. */
const CPU_TYPES: readonly InstanceType[] = (
  ['m7i.large', 'm7i.xlarge', 'm7i.2xlarge', 'm7i.4xlarge', 'm7i.8xlarge', 'm7i.16xlarge'] as const
).map((name, index) => ({ name, vcpus: 2 * 2 ** index, memoryMb: 8192 * 2 ** index }));

/** The smallest instance type of each GPU: one task of `container({ gpus: 1 })` fits on each. */
export const GPU_TYPES: readonly InstanceType[] = [
  { name: 'g4dn.xlarge', vcpus: 4, memoryMb: 16_384, gpu: 'T4' },
  { name: 'g6.xlarge', vcpus: 4, memoryMb: 16_384, gpu: 'L4' },
  { name: 'g5.xlarge', vcpus: 4, memoryMb: 16_384, gpu: 'A10G' },
];

export interface TaskSize {
  readonly cpu: number;
  readonly memoryMb: number;
}

/** Returns the smallest type that a task fits on; undefined if it fits on none. */
export function cpuTypeFor(size: TaskSize): InstanceType | undefined {
  return CPU_TYPES.find((type) => hasRoomFor(type, size));
}

/** Returns the types that a task with one GPU fits on. */
export function gpuTypesFor(size: TaskSize): readonly InstanceType[] {
  return GPU_TYPES.filter((type) => hasRoomFor(type, size));
}

function hasRoomFor({ vcpus, memoryMb }: InstanceType, size: TaskSize): boolean {
  return vcpus >= size.cpu && memoryMb * TASK_MEMORY_SHARE >= size.memoryMb;
}
