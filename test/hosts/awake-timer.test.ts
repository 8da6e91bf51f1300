import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { afterAwake } from '../../lib/hosts/awake-timer.ts';

let calls = 0;
const call = (): void => void (calls += 1);

beforeEach(() => {
  calls = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test.each([1, 999, 1000, 1001, 2500])('afterAwake calls once, after so many milliseconds: %i', (millis) => {
  afterAwake(millis, call);
  vi.advanceTimersByTime(millis - 1);
  expect(calls).toBe(0);
  vi.advanceTimersByTime(1);
  expect(calls).toBe(1);
  vi.advanceTimersByTime(10_000);
  expect(calls).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('afterAwake calls nothing once it is called off, whenever that is', () => {
  for (const millis of [0, 900, 1000, 2400]) {
    const callOff = afterAwake(2500, call);
    vi.advanceTimersByTime(millis);
    callOff();
    expect(vi.getTimerCount()).toBe(0);
  }
  expect(calls).toBe(0);
});

test('afterAwake does not count what a machine sleeps for', () => {
  let now = 0;
  const due: { readonly at: number; readonly call: () => void }[] = [];
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((fire: () => void, millis: number) => {
    due.push({ at: now + millis, call: fire });
    return due.length;
  }) as unknown as typeof setTimeout);
  afterAwake(3000, call);
  /** Time goes on, and then the timer that is late is called. */
  const sleep = (millis: number): void => {
    now += millis;
    for (const timer of due.splice(0)) if (timer.at <= now) timer.call();
  };
  sleep(3_600_000);
  sleep(3_600_000);
  expect(calls).toBe(0);
  sleep(1000);
  expect(calls).toBe(1);
});
