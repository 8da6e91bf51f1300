import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BacklogStep, backlogSteps } from '../../lib/config/container-scaling.ts';

const settings = fc.record({
  backlogPerTask: fc.integer({ min: 1, max: 1000 }),
  maxTasks: fc.integer({ min: 1, max: 1000 }),
});

function tasksFor(bundles: number, steps: readonly BacklogStep[]): number {
  return steps.findLast(({ fromBundles }) => bundles >= fromBundles)?.tasks ?? 0;
}

describe('steps by the backlog', () => {
  test('are a task for each so many bundles or part of them, up to the most tasks', () => {
    const steps = backlogSteps({ backlogPerTask: 10, maxTasks: 3 });
    expect([0, 1, 10, 11, 20, 21, 30, 1000].map((bundles) => tasksFor(bundles, steps))).toEqual([
      0, 1, 1, 2, 2, 3, 3, 3,
    ]);
  });

  test('are never more than a policy may have, rise, end at the most tasks, and ask for no fewer than the backlog does', () => {
    fc.assert(
      fc.property(settings, fc.nat(1_000_000), ({ backlogPerTask, maxTasks }, bundles) => {
        const steps = backlogSteps({ backlogPerTask, maxTasks });
        expect(steps.length).toBeLessThanOrEqual(20);
        expect(steps[0]?.fromBundles).toBe(1);
        expect(steps.at(-1)?.tasks).toBe(maxTasks);
        for (const [index, { fromBundles, tasks }] of steps.entries()) {
          expect(fromBundles).toBeGreaterThan(steps[index - 1]?.fromBundles ?? 0);
          expect(tasks).toBeGreaterThan(steps[index - 1]?.tasks ?? 0);
        }
        const asked = Math.min(maxTasks, Math.ceil(bundles / backlogPerTask));
        const tasks = tasksFor(bundles, steps);
        expect(tasks).toBeGreaterThanOrEqual(asked);
        expect(tasks).toBeLessThan(asked + Math.max(1, Math.ceil(maxTasks / 20)) + Number(asked === 0));
      }),
    );
  });
});
