import { LAMBDA_MEMORY_MB_PER_VCPU } from '../../../../lib/config/compute.ts';
import type { Workload } from '../../../../cli/estimate/costs/workload.ts';

/** Ten milliseconds of one core for each element, a hundred elements a bundle, models that are there in a second. */
export function workload(differences: Partial<Workload> = {}): Workload {
  return {
    cpuSecsPerElement: 0.01,
    wallSecsPerElement: 0.01,
    cores: 1,
    isWaiting: false,
    startSecs: 1,
    startCpuSecs: 1,
    peakMemoryMb: 300,
    elementsPerBundle: 100,
    failedShare: 0,
    readsPerElement: 0,
    writesPerElement: 0,
    ...differences,
  };
}

/** Memory with which a function has exactly two vCPUs. */
export const TWO_VCPUS_MB = 2 * LAMBDA_MEMORY_MB_PER_VCPU;
