import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { container } from '../../../../lib/config/compute.ts';
import { CONTAINER_SCALING } from '../../../../lib/config/container-scaling.ts';
import {
  containerPlace,
  INSTANCE_SECS,
  instanceHourDollars,
  wakeSecs,
} from '../../../../cli/estimate/costs/container-place.ts';
import { cpuTypeFor, type InstanceType } from '../../../../cli/estimate/costs/instance-types.ts';
import type { Place } from '../../../../cli/estimate/costs/place.ts';
import { PRICES } from '../../../../cli/estimate/costs/prices.ts';
import { workload } from './workload.ts';

const type: InstanceType = { name: 'm7i.large', vcpus: 2, memoryMb: 8192 };

function place(options: Parameters<typeof container>[0] = {}, work = workload()): Place {
  return containerPlace(work, { type, compute: container(options), prices: PRICES });
}

describe('an instance', () => {
  test('costs its price, the fee of ECS, its address and its disk', () => {
    const dollars = instanceHourDollars({ type, compute: container(), prices: PRICES });
    expect(dollars).toBeCloseTo(0.1008 * 1.12 + 0.005 + (80 * 0.08) / 730, 10);
  });

  test('has no fee in a group of its own, and no address in a private network', () => {
    const compute = container({ capacity: 'auto-scaling-group', network: 'private' });
    expect(instanceHourDollars({ type, compute, prices: PRICES })).toBeCloseTo(0.1008 + (80 * 0.08) / 730, 10);
  });

  test('is the smallest one that a task fits on', () => {
    expect(cpuTypeFor(container())).toEqual(type);
    expect(cpuTypeFor({ cpu: 3, memoryMb: 6144 })?.name).toBe('m7i.xlarge');
    // 8 GiB are not all for tasks.
    expect(cpuTypeFor({ cpu: 2, memoryMb: 8000 })?.name).toBe('m7i.xlarge');
    expect(cpuTypeFor({ cpu: 1000, memoryMb: 1 })).toBeUndefined();
  });
});

describe('a container', () => {
  const secDollars = instanceHourDollars({ type, compute: container(), prices: PRICES }) / 3600;
  const idleSecs = CONTAINER_SCALING.idleMinutes * 60;

  test('is paid for while it starts, works and is idle', () => {
    const { dollars, atOnce } = place().burst(200);
    const requests = 2 * ((4 * 0.4) / 1e6 + (8 * 0.0004) / 1000 + 0.005 / 1000);
    const paidSecs = INSTANCE_SECS.start.cpu + 1 + 200 * 0.005 + INSTANCE_SECS.end + idleSecs;
    expect(dollars).toBeCloseTo(paidSecs * secDollars + requests, 10);
    expect(atOnce).toBe(1);
    expect(wakeSecs(workload(), type)).toBe(paidSecs - 1);
  });

  test('has a task for each so many bundles, up to the most that there may be', () => {
    const { burst } = place({ backlogPerTask: 10, maxTasks: 4 });
    expect([1, 1000, 2000, 4000, 1e9].map((elements) => burst(elements).atOnce)).toEqual([1, 1, 2, 4, 4]);
  });

  test('costs only its work in steady work', () => {
    const { steadyDollars, burst } = place();
    const requests = ((4 * 0.4) / 1e6 + (8 * 0.0004) / 1000 + 0.005 / 1000) / 100;
    expect(steadyDollars).toBeCloseTo(0.005 * secDollars + requests, 12);
    expect(burst(1e12).dollars / 1e12).toBeCloseTo(steadyDollars, 12);
  });

  test('costs more the more elements there are', () => {
    const amounts = fc.integer({ min: 1, max: 10_000_000 });
    fc.assert(
      fc.property(amounts, amounts, fc.integer({ min: 1, max: 20 }), (one, other, maxTasks) => {
        fc.pre(one < other);
        const { burst } = place({ maxTasks });
        expect(burst(one).dollars).toBeLessThan(burst(other).dollars);
      }),
    );
  });
});
