import { describe, expect, test } from 'vitest';
import { random as randomNumbers } from '../../../bench/random.ts';
import { ConcurrencyLimit } from '../../../lib/remote/flow/concurrency-limit.ts';
import { FlowControl } from '../../../lib/remote/flow/flow-control.ts';
import { RequestGate, type Turn } from '../../../lib/remote/flow/request-gate.ts';
import { VirtualClock } from '../virtual-clock.ts';

const NEVER = new AbortController().signal;

interface ServerOptions {
  /** Requests that it works on at once; the others wait in line. */
  readonly places: number;
  readonly serviceMillis: number;
  readonly maxConcurrency?: number;
  /** Requests that are ready to start. @default 80 */
  readonly demand?: number;
}

/** Sends requests to a server without a quota, for the time of a number of answers of one place, in virtual time. */
async function load({ places, serviceMillis, maxConcurrency = 256, demand = 80 }: ServerOptions) {
  const clock = new VirtualClock();
  const random = randomNumbers(1);
  const flow = new FlowControl({ maxConcurrency, now: 0, random });
  const gate = new RequestGate(flow, clock, 'wine');
  const line: (() => void)[] = [];
  let busy = 0;
  const seen = { answers: 0, millis: 0, maxInFlight: 0 };
  const until = 600 * serviceMillis;
  const serve = async (turn: Turn): Promise<void> => {
    if (busy >= places) await new Promise<void>((resolve) => line.push(resolve));
    busy += 1;
    await clock.sleep(serviceMillis * (0.5 + random()));
    busy -= 1;
    line.shift()?.();
    seen.maxInFlight = Math.max(seen.maxInFlight, flow.inFlight);
    turn.ended('succeeded');
    if (clock.now() < until / 2) return;
    seen.answers += 1;
    seen.millis += clock.now() - turn.startedAt;
  };
  const askOn = async (): Promise<void> => {
    while (clock.now() < until) await serve(await gate.enter({ weight: 1, signal: NEVER, patienceMillis: Infinity }));
  };
  await clock.run(Promise.all(Array.from({ length: demand }, askOn)));
  return {
    limit: flow.concurrencyLimit,
    maxInFlight: seen.maxInFlight,
    usedShare: (seen.answers * serviceMillis) / (places * (until / 2)),
    latency: seen.millis / seen.answers / serviceMillis,
  };
}

/** Returns the limit after failures of a latency. Answers of 100 ms alone lead to a limit of 64. */
function limitAfterFailures(failureMillis: number): number {
  const limit = new ConcurrencyLimit(64);
  const round = (millis: number, end: 'answered' | 'failed', startedAt: number): void => {
    const inFlight = limit.limit;
    for (let answer = 0; answer < 64; answer += 1) limit[end]({ now: startedAt + millis, startedAt, inFlight });
  };
  for (let time = 0; time < 10; time += 1) round(100, 'answered', time * 1e6);
  expect(limit.limit).toBe(64);
  for (let time = 0; time < 3; time += 1) round(failureMillis, 'failed', 1e8 + time * 1e6);
  return limit.limit;
}

describe('the concurrency limit', () => {
  test.each([1, 4, 16])(
    'of a server with %i places uses them all without a long line in front of it',
    async (places) => {
      const { usedShare, latency } = await load({ places, serviceMillis: 100 });
      expect(usedShare).toBeGreaterThan(0.93);
      expect(latency).toBeLessThan(places === 1 ? 5 : 3);
    },
  );

  test('grows to maxConcurrency where that costs no latency, and no further', async () => {
    const { limit, maxInFlight } = await load({ places: Infinity, serviceMillis: 100, maxConcurrency: 40 });
    expect(limit).toBe(40);
    expect(maxInFlight).toBe(40);
  });

  test('does not grow while it is not what limits', async () => {
    const { limit } = await load({ places: Infinity, serviceMillis: 100, demand: 5 });
    expect(limit).toBe(8);
  });

  test('takes failures into account that are late, and not those that are quick', () => {
    expect(limitAfterFailures(5)).toBe(64);
    expect(limitAfterFailures(60_000)).toBeLessThan(32);
  });
});
