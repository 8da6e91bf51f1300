import { describe, expect, test } from 'vitest';
import { type Compute, container, lambda } from '../../../../lib/config/compute.ts';
import { compare, type Comparison, type ComparisonOptions } from '../../../../cli/estimate/costs/comparison.ts';
import { PRICES } from '../../../../cli/estimate/costs/prices.ts';
import { workload } from './workload.ts';

function options(differences: Partial<ComparisonOptions> = {}): ComparisonOptions {
  return {
    compute: lambda(),
    elements: 1000,
    isOnGpu: false,
    hasOwnModel: true,
    engineCpuSecsPerElement: 0.001,
    prices: PRICES,
    ...differences,
  };
}

const kinds = (compute: Compute, differences: Partial<ComparisonOptions> = {}) =>
  compare(workload(), options({ compute, ...differences })).places.map(
    ({ kind, name, size, figures }) => `${kind} ${name}, ${size}${figures === undefined ? '?' : ''}`,
  );

function mostCores(compute: Compute): readonly (number | undefined)[] {
  return compare(workload(), options({ compute })).places.map(({ pays }) => pays?.mostCores);
}

function needing(peakMemoryMb: number): Comparison {
  return compare(workload({ peakMemoryMb }), options());
}

describe('the comparison of places', () => {
  test('has figures of Lambda and of a container, and of GPUs only what they must be able to do', () => {
    expect(kinds(lambda())).toEqual([
      'lambda Lambda arm64, 2,048 MB',
      'lambda Lambda x86_64, 2,048 MB',
      'cpu m7i.large, 2 vCPUs',
      'gpu g4dn.xlarge, T4?',
      'gpu g6.xlarge, L4?',
      'gpu g5.xlarge, A10G?',
    ]);
    const { places } = compare(workload(), options());
    expect(places.map(({ pays }) => pays !== undefined)).toEqual([false, false, false, true, true, true]);
  });

  test('has figures of GPUs only, where the model ran on one', () => {
    expect(kinds(container({ gpus: 1 }), { isOnGpu: true })).toEqual([
      'gpu g4dn.xlarge, T4',
      'gpu g6.xlarge, L4',
      'gpu g5.xlarge, A10G',
    ]);
  });

  test('has no GPUs where all models are served elsewhere', () => {
    expect(kinds(lambda(), { hasOwnModel: false })).toHaveLength(3);
  });

  test('takes what the pipeline says of its own place', () => {
    expect(kinds(lambda({ memoryMb: 4096 }))[0]).toBe('lambda Lambda arm64, 4,096 MB');
    expect(kinds(container({ cpu: 7, memoryMb: 20_000 }))[2]).toBe('cpu m7i.2xlarge, 7 vCPUs');
    expect(kinds(container({ gpus: 1, cpu: 3 }))[2]).toBe('cpu m7i.large, 2 vCPUs');
  });

  test('assumes the memory that was needed', () => {
    expect(needing(2048).lambdaMemoryMb).toBe(2048);
    expect(needing(3000).lambdaMemoryMb).toBe(3008);
    expect(needing(10_241).lambdaMemoryMb).toBeNull();
    expect(needing(10_241).places.map(({ name }) => name)).toEqual([
      'm7i.xlarge',
      'g4dn.xlarge',
      'g6.xlarge',
      'g5.xlarge',
    ]);
  });

  test('leaves out instances that a task does not fit on', () => {
    const of = (compute: Compute, differences: Partial<ComparisonOptions> = {}) =>
      compare(workload({ peakMemoryMb: 3000 }), options({ compute, ...differences }));
    const wide = of(container({ gpus: 1, cpu: 8, memoryMb: 20_000 }));
    expect(wide.places.map(({ kind }) => kind)).toEqual(['lambda', 'lambda', 'cpu']);
    expect(wide.tooLarge).toEqual({ gpu: { cpu: 8, memoryMb: 20_000 } });
    expect(of(container({ gpus: 1, cpu: 8 }), { isOnGpu: true }).places).toEqual([]);
    expect(of(container({ cpu: 100 })).tooLarge).toEqual({ cpu: { cpu: 100, memoryMb: 6144 } });
    expect(of(container({ cpu: 2 })).tooLarge).toEqual({});
    const roomy = compare(workload({ peakMemoryMb: 300_000 }), options());
    expect(roomy.places).toEqual([]);
    expect(roomy).toMatchObject({ cheapest: null, crossings: [], tooLarge: { cpu: {}, gpu: {} } });
  });

  test('assumes the size of a task with one GPU if the pipeline asks for more', () => {
    expect(mostCores(container({ gpus: 4 }))).toEqual(mostCores(container({ gpus: 1 })));
  });

  test('says nothing of when a GPU pays where the time is spent waiting, or other places cost nothing', () => {
    const free = { ...PRICES, lambdaArm64GbSec: 0, lambdaMillionRequests: 0, lambdaDiskGbSec: 0 };
    for (const { places } of [
      compare(workload({ isWaiting: true }), options()),
      compare(workload(), options({ prices: free })),
    ]) {
      expect(places.filter(({ kind, pays }) => kind === 'gpu' && pays === undefined)).toHaveLength(3);
    }
  });

  test('finds a function cheaper for little work, and a container for much', () => {
    const few = compare(workload(), options({ elements: 10 }));
    const [crossing] = few.crossings;
    expect(few.cheapest).toBe('Lambda arm64');
    expect(few.cheapestSteady).toBe('m7i.large');
    expect(crossing).toMatchObject({ from: 'Lambda arm64', to: 'm7i.large' });
    const elements = crossing?.elements ?? NaN;
    const cheapestOf = (share: number) => compare(workload(), options({ elements: share * elements })).cheapest;
    expect([cheapestOf(0.9), cheapestOf(1.1)]).toEqual(['Lambda arm64', 'm7i.large']);
  });

  test('asks of a GPU the work of as many cores as its price buys in the cheapest other place', () => {
    const { places } = compare(workload(), options());
    const cpu = places.find(({ kind }) => kind === 'cpu')?.task?.hourDollars ?? NaN;
    for (const { kind, task, pays } of places) {
      // Two cores for the price of an instance.
      if (kind === 'gpu') expect(pays?.cores).toBeCloseTo((2 * (task?.hourDollars ?? NaN)) / cpu, 6);
    }
  });
});
