import type { Place } from './place.ts';
import type { Workload } from './workload.ts';

/** Nobody has more. */
const MOST_ELEMENTS = 1e15;
const STEPS = 60;

/**
 * From how many elements at once the `other` place is the cheaper one, however many there are: there both cost the same.
 * Undefined where it never is; 1 where it always is.
 */
export function breakEven(one: Place, other: Place): number | undefined {
  const isCheaper = (elements: number): boolean => other.burst(elements).dollars < one.burst(elements).dollars;
  let high = MOST_ELEMENTS;
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
  /** What a task with a GPU has to do at least, to cost no more in steady work, and how many cores of the measured machine do as much. */
  readonly elementsPerSec: number;
  readonly cores: number;
  /**
   * How many cores' work it can do at most, as what runs beside the model still takes CPUs: reading, preprocessing, packing,
   * writing.
   */
  readonly mostCores: number;
}

export interface GpuBreakEvenOptions {
  /** The cheapest place without a GPU in steady work, requests aside: dollars for an element. */
  readonly dollarsPerElement: number;
  readonly gpuHourDollars: number;
  /** vCPUs of a task with a GPU. */
  readonly vcpus: number;
  /** CPU seconds of the engine alone, for each element. */
  readonly engineCpuSecsPerElement: number;
}

/** When a GPU pays for a model that was measured without one: nothing is said of how fast it is. */
export function gpuBreakEven(workload: Workload, options: GpuBreakEvenOptions): GpuBreakEven {
  const { dollarsPerElement, gpuHourDollars, vcpus, engineCpuSecsPerElement } = options;
  const elementsPerSec = gpuHourDollars / 3600 / dollarsPerElement;
  return {
    elementsPerSec,
    cores: elementsPerSec * workload.cpuSecsPerElement,
    mostCores: vcpus * (workload.cpuSecsPerElement / engineCpuSecsPerElement),
  };
}
