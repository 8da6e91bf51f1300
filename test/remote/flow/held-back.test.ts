import { describe, expect, test } from 'vitest';
import { FlowControl } from '../../../lib/remote/flow/flow-control.ts';
import { RequestGate } from '../../../lib/remote/flow/request-gate.ts';
import type { RateLimit } from '../../../lib/remote/flow/rate-limit.ts';
import { VirtualClock } from '../virtual-clock.ts';

function gateOf(clock: VirtualClock, maxConcurrency: number, rateLimits: readonly RateLimit[]): RequestGate {
  const flow = new FlowControl({ maxConcurrency, rateLimits, now: clock.now(), random: () => 0.5 });
  return new RequestGate(flow, clock, 'the endpoint');
}

/** Makes requests at once, each in flight for a time. */
async function work(gate: RequestGate, clock: VirtualClock, requests: number, millis: number): Promise<void> {
  const signal = new AbortController().signal;
  const one = async (): Promise<void> => {
    const turn = await gate.enter({ weight: 1, signal, patienceMillis: Infinity });
    await clock.sleep(millis);
    turn.ended('succeeded');
  };
  await clock.run(Promise.all(Array.from({ length: requests }, one)));
}

describe('the time for which requests are held back', () => {
  test('is the total wait for a declared limit', async () => {
    const clock = new VirtualClock();
    const gate = gateOf(clock, 100, [{ requests: 1, per: 'second' }]);
    await work(gate, clock, 4, 10);
    // They start after 0, 1, 2 and 3 s.
    expect(gate.drainHeldBackMillis()).toBeCloseTo(6000);
    expect(gate.drainHeldBackMillis()).toBe(0);
  });

  test('does not include the wait for the end of an in-flight request', async () => {
    const clock = new VirtualClock();
    const gate = gateOf(clock, 1, []);
    await work(gate, clock, 10, 5000);
    expect(clock.now()).toBeGreaterThanOrEqual(50_000);
    expect(gate.drainHeldBackMillis()).toBe(0);
  });
});
