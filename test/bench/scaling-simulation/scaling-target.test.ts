import { describe, expect, test } from 'vitest';
import { ScalingTarget } from '../../../bench/scaling-simulation/scaling-target.ts';

const BOUNDS = { minTasks: 0, maxTasks: 10 };

function add(tasks: number): (capacity: number) => number {
  return (capacity) => capacity + tasks;
}

describe('a scaling target', () => {
  test('stays within its bounds', () => {
    const target = new ScalingTarget({ minTasks: 1, maxTasks: 4 });
    expect(target.desired).toBe(1);
    target.scaleOut('one', { now: 0, cooldownSecs: 0 }, () => 100);
    expect(target.desired).toBe(4);
    target.scaleIn({ now: 0, cooldownSecs: 0 }, 0);
    expect(target.desired).toBe(1);
  });

  test('counts what a scale-out added as part of the next while its cooldown lasts', () => {
    const target = new ScalingTarget(BOUNDS);
    target.scaleOut('one', { now: 0, cooldownSecs: 300 }, add(2));
    target.scaleOut('one', { now: 60, cooldownSecs: 300 }, add(2));
    expect(target.desired).toBe(2);
    target.scaleOut('one', { now: 120, cooldownSecs: 300 }, add(3));
    expect(target.desired).toBe(3);
    target.scaleOut('other', { now: 120, cooldownSecs: 300 }, add(1));
    expect(target.desired).toBe(4);
    target.scaleOut('one', { now: 500, cooldownSecs: 300 }, add(2));
    expect(target.desired).toBe(6);
  });

  test('scales in once in a cooldown, which holds back no scale-out', () => {
    const target = new ScalingTarget(BOUNDS);
    target.scaleOut('one', { now: 0, cooldownSecs: 0 }, () => 8);
    target.scaleIn({ now: 10, cooldownSecs: 60 }, 6);
    target.scaleIn({ now: 69, cooldownSecs: 60 }, 2);
    expect(target.desired).toBe(6);
    target.scaleOut('one', { now: 69, cooldownSecs: 60 }, () => 7);
    expect(target.desired).toBe(7);
    target.scaleIn({ now: 70, cooldownSecs: 60 }, 2);
    expect(target.desired).toBe(2);
  });
});
