import { describe, expect, test } from 'vitest';
import { EventQueue } from '../../../bench/scaling-simulation/event-queue.ts';
import { SimulatedFleet } from '../../../bench/scaling-simulation/simulated-fleet.ts';
import { type SimulatedBundle, SimulatedQueue } from '../../../bench/scaling-simulation/simulated-queue.ts';

const STARTS = { bootSecs: 90, imagePullSecs: 60, modelLoadSecs: 30 };

function world() {
  const events = new EventQueue();
  const queue = new SimulatedQueue({ lagSecs: () => 0, showsPhantom: () => false, keptActive: true });
  const fleet = new SimulatedFleet(
    { bundlesAtOnce: 2, instanceIdleSecs: 300, startTimes: () => STARTS, lagSecs: () => 0 },
    { events, queue },
  );
  const send = (now: number, ...workSecs: number[]): readonly SimulatedBundle[] => {
    const bundles = workSecs.map((secs) => ({ arrivedAt: now, workSecs: secs, takenAt: NaN, answeredAt: NaN }));
    queue.send(bundles, now);
    fleet.receive(now);
    return bundles;
  };
  const runUntil = (end: number): void => {
    while ((events.nextAt ?? Infinity) <= end) events.pop()?.happen();
  };
  return { queue, fleet, send, runUntil };
}

describe('a task', () => {
  test('boots, fetches its image and loads its models before it takes bundles, so many at once, one after the other', () => {
    const { queue, fleet, send, runUntil } = world();
    const bundles = send(0, 10, 20, 30);
    fleet.follow(1, 0);
    runUntil(179);
    expect(queue.visibleCount).toBe(3);
    runUntil(1000);
    expect(bundles.map(({ takenAt }) => takenAt)).toEqual([180, 180, 190]);
    expect(bundles.map(({ answeredAt }) => answeredAt)).toEqual([190, 210, 240]);
  });

  test('is not ended while it has bundles, and is as soon as it has none', () => {
    const { fleet, send, runUntil } = world();
    const [bundle] = send(0, 100);
    fleet.follow(1, 0);
    runUntil(200);
    fleet.follow(0, 200);
    expect(fleet.tasks).toHaveLength(1);
    runUntil(284);
    expect(fleet.tasks).toHaveLength(1);
    runUntil(285);
    expect(fleet.tasks).toHaveLength(0);
    expect(bundle?.answeredAt).toBe(280);
  });

  test('that does not run yet is ended before one that does', () => {
    const { fleet, runUntil } = world();
    fleet.follow(1, 0);
    runUntil(190);
    fleet.follow(2, 190);
    fleet.follow(1, 200);
    expect(fleet.tasks.map(({ isServing }) => isServing)).toEqual([true]);
    runUntil(10_000);
    expect(fleet.tasks).toHaveLength(1);
  });
});

describe('an instance', () => {
  test('is paid for from its launch until it has had no task for a while', () => {
    const { fleet, runUntil } = world();
    fleet.follow(1, 0);
    fleet.follow(0, 200);
    runUntil(499);
    expect([fleet.instances, fleet.billedSecs]).toEqual([1, 0]);
    runUntil(500);
    expect([fleet.instances, fleet.billedSecs]).toEqual([0, 500]);
  });

  test('that has no task is given the next one, which starts without boot and image', () => {
    const { fleet, send, runUntil } = world();
    fleet.follow(1, 0);
    runUntil(200);
    fleet.follow(0, 200);
    const [bundle] = send(250, 10);
    fleet.follow(1, 300);
    runUntil(1000);
    expect(bundle?.takenAt).toBe(330);
    fleet.follow(0, 1000);
    runUntil(2000);
    expect([fleet.started, fleet.billedSecs]).toEqual([2, 1300]);
  });
});
