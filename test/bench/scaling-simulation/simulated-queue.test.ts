import { describe, expect, test } from 'vitest';
import { SimulatedQueue } from '../../../bench/scaling-simulation/simulated-queue.ts';

const HOUR = 3600;

function queueWith({ keptActive = false, phantom = false } = {}): SimulatedQueue {
  return new SimulatedQueue({ lagSecs: () => 90, showsPhantom: () => phantom, keptActive });
}

function send(queue: SimulatedQueue, now: number): void {
  queue.send([{ arrivedAt: now, workSecs: 1, takenAt: NaN, answeredAt: NaN }], now);
}

/** What is shown of the minute that begins at `at`, long after it. */
function shown(queue: SimulatedQueue, at: number): number | undefined {
  queue.sample(at);
  return queue.visible.at(at / 60, at + HOUR);
}

describe('the metrics of a queue', () => {
  test('are what was there at each minute, shown later', () => {
    const queue = queueWith({ keptActive: true });
    send(queue, 30);
    queue.sample(60);
    expect(queue.visible.at(1, 149)).toBeUndefined();
    expect(queue.visible.at(1, 150)).toBe(1);
    const [bundle] = queue.receive(10, 70);
    queue.sample(120);
    expect([queue.visible.at(2, 300), queue.taken.at(2, 300)]).toEqual([0, 1]);
    if (bundle !== undefined) queue.delete(bundle, 130);
    queue.sample(180);
    expect(queue.taken.at(3, 300)).toBe(0);
  });

  test('stop when nobody has used it for six hours, and are a quarter of an hour late when it is used again', () => {
    const queue = queueWith();
    send(queue, 0);
    for (const bundle of queue.receive(1, 0)) queue.delete(bundle, 0);
    expect(shown(queue, 6 * HOUR)).toBe(0);
    expect(shown(queue, 6 * HOUR + 60)).toBeUndefined();
    send(queue, 7 * HOUR);
    expect(shown(queue, 7 * HOUR + 840)).toBeUndefined();
    expect(shown(queue, 7 * HOUR + 900)).toBe(1);
  });

  test('go on where somebody looks at it', () => {
    const queue = queueWith({ keptActive: true });
    expect(shown(queue, 100 * HOUR)).toBe(0);
    send(queue, 101 * HOUR);
    expect(shown(queue, 101 * HOUR + 60)).toBe(1);
  });

  test('may show a message that is not there, which nobody can receive', () => {
    const queue = queueWith({ keptActive: true, phantom: true });
    expect(shown(queue, 60)).toBe(1);
    expect(queue.receive(10, 61)).toEqual([]);
  });
});
