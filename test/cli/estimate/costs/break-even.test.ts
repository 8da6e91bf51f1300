import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { container, lambda } from '../../../../lib/config/compute.ts';
import { breakEven, gpuBreakEven } from '../../../../cli/estimate/costs/break-even.ts';
import { containerPlace } from '../../../../cli/estimate/costs/container-place.ts';
import { cpuTypeFor } from '../../../../cli/estimate/costs/instance-types.ts';
import { lambdaPlace } from '../../../../cli/estimate/costs/lambda-place.ts';
import type { Place } from '../../../../cli/estimate/costs/place.ts';
import { PRICES } from '../../../../cli/estimate/costs/prices.ts';
import { workload } from './workload.ts';

function linear(fixed: number, each: number): Place {
  const burst = (elements: number) => ({ secs: 0, atOnce: 1, dollars: fixed + each * elements });
  return { name: '', secsPerElement: 0, steadyDollars: each, burst };
}

describe('the break-even of two places', () => {
  test('is where what one costs at once is made up for by what the other costs for each element', () => {
    expect(breakEven(linear(0, 0.002), linear(10, 0.001))).toBeCloseTo(10_000, 3);
  });

  test('is 1 where the other one is always cheaper, and nowhere where it never is', () => {
    expect(breakEven(linear(1, 0.002), linear(0, 0.001))).toBe(1);
    expect(breakEven(linear(0, 0.001), linear(1, 0.002))).toBeUndefined();
    expect(breakEven(linear(0, 0.001), linear(0, 0.001))).toBeUndefined();
  });

  test('is where both cost the same, and beyond it the other one costs less', () => {
    const type = cpuTypeFor(container());
    if (type === undefined) throw new Error('there is no instance type');
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 256, max: 10_240 }),
        fc.integer({ min: 1, max: 20 }),
        (cpuSecsPerElement, elementsPerBundle, memoryMb, maxTasks) => {
          const work = workload({ cpuSecsPerElement, wallSecsPerElement: cpuSecsPerElement, elementsPerBundle });
          const compute = lambda({ memoryMb });
          const one = lambdaPlace(work, { architecture: 'arm64', compute, prices: PRICES });
          const other = containerPlace(work, { type, compute: container({ maxTasks }), prices: PRICES });
          const elements = breakEven(one, other);
          if (elements === undefined) return;
          const at = [one, other].map((place) => place.burst(elements).dollars);
          expect(at[0]).toBeCloseTo(at[1] ?? NaN, 6);
          for (const times of [1.01, 2, 8, 1000]) {
            expect(other.burst(times * elements).dollars).toBeLessThan(one.burst(times * elements).dollars);
          }
        },
      ),
    );
  });
});

describe('the break-even of a GPU', () => {
  const terms = { dollarsPerElement: 0.001, gpuHourDollars: 3.6, vcpus: 3, engineCpuSecsPerElement: 0.06 };
  const { elementsPerSec, cores, mostCores } = gpuBreakEven(workload({ cpuSecsPerElement: 5 }), terms);

  test('is how fast it has to be to cost as much, in elements and in cores', () => {
    // $0.001 a second for the task: one element a second costs as much as anywhere else, and is the work of five cores.
    expect(elementsPerSec).toBeCloseTo(1);
    expect(cores).toBeCloseTo(5);
  });

  test('says how fast it can be, as reading and preprocessing keep its CPUs busy', () => {
    // 50 elements a second, each of five seconds.
    expect(mostCores).toBeCloseTo(250);
  });
});
