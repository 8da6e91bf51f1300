import { describe, expect, test } from 'vitest';
import { container, lambda, lambdaCores, maxRunsAtOnce } from '../../lib/config/compute.ts';

describe('lambda and container', () => {
  test('have 2,048 MB, 15 minutes and no GPU by default', () => {
    expect(lambda()).toEqual({ kind: 'lambda', memoryMb: 2048, timeoutSecs: 900, ephemeralStorageMb: 2048 });
    expect(container()).toMatchObject({ kind: 'container', gpus: 0, cpu: 2, memoryMb: 6144 });
  });

  test('have 3 vCPUs and 12 GiB for each GPU, at most four tasks, and none without work', () => {
    expect(container({ gpus: 2 })).toEqual({
      kind: 'container',
      gpus: 2,
      cpu: 6,
      memoryMb: 24_576,
      spot: false,
      maxTasks: 4,
      minTasks: 0,
      backlogPerTask: 10,
      capacity: 'managed-instances',
      network: 'public',
      stopTimeoutSecs: 90,
      visibilitySecs: 90,
    });
  });
});

test('a function takes 100 runs of an account at most, unless it says otherwise', () => {
  expect(maxRunsAtOnce(lambda())).toBe(100);
  expect(maxRunsAtOnce(lambda({ maxConcurrency: 7 }))).toBe(7);
  expect(maxRunsAtOnce(lambda({ maxConcurrency: 'unlimited' }))).toBeUndefined();
});

test.each([
  [128, 1],
  [1769, 1],
  [3537, 1],
  [3538, 2],
  [10_240, 5],
])('a function of %i MB has %i whole cores for an engine', (memoryMb, cores) => {
  expect(lambdaCores(memoryMb)).toBe(cores);
});
