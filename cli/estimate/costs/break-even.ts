import type { Place } from './place.ts';
import type { Workload } from './workload.ts';

/** Upper bound of the search. */
const MAX_ELEMENTS = 1e15;
const STEPS = 60;

/**
 * Returns the number of elements at once from which the `other` place is cheaper; with this number, both cost the same.
 * Undefined if it never is; 1 if it always is.
 */
export function breakEven(one: Place, other: Place): number | undefined {
  const isCheaper = (elements: number): boolean => other.burst(elements).dollars < one.burst(elements).dollars;
  let high = MAX_ELEMENTS;
  if (!isCheaper(high)) return undefined;
  while (high > 1 && isCheaper(high / 2)) high /= 2;
  if (high <= 1) return 1;
  let low = high / 2;
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (low + high) / 2;
    if (isCheaper(middle)) high = middle;
    else low = middle;
  }
  return high;
}

export interface GpuBreakEven {
  /** Minimum speed at which a task with a GPU is not more expensive under constant load, and the cores of the measured machine with that speed. */
  readonly elementsPerSec: number;
  readonly cores: number;
  /**
   * Maximum number of cores that a GPU can replace: reading, preprocessing, packing and writing still need the CPUs of
   * its task.
   */
  readonly mostCores: number;
}

export interface GpuBreakEvenOptions {
  /** Dollars per element, without requests, of the cheapest place without a GPU under constant load. */
  readonly dollarsPerElement: number;
  readonly gpuHourDollars: number;
  /** vCPUs of a task with a GPU. */
  readonly vcpus: number;
  /** CPU seconds of the engine alone, per element. */
  readonly engineCpuSecsPerElement: number;
}

/** Computes when a GPU is worth its price for a model that was measured without one. Its actual speed is unknown. */
export function gpuBreakEven(workload: Workload, options: GpuBreakEvenOptions): GpuBreakEven {
  const { dollarsPerElement, gpuHourDollars, vcpus, engineCpuSecsPerElement } = options;
  const elementsPerSec = gpuHourDollars / 3600 / dollarsPerElement;
  return {
    elementsPerSec,
    cores: elementsPerSec * workload.cpuSecsPerElement,
    mostCores: vcpus * (workload.cpuSecsPerElement / engineCpuSecsPerElement),
  };
}
