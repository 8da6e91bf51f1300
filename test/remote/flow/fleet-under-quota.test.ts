import { describe, expect, test } from 'vitest';
import { SimulatedFleet, type SimulatedFleetOptions } from '../simulated-fleet.ts';

const QUOTA = 100;
const BURST = 10;
const REQUESTS = 5000;
const LATENCY = [50, 200] as const;

function fleetOf(engines: number, options: Partial<SimulatedFleetOptions> & { seed: number }): SimulatedFleet {
  return new SimulatedFleet({ engines, quota: QUOTA, burst: BURST, latency: LATENCY, ...options });
}

/** The share of calls that were refused from the tenth second on. */
function refusedShare(fleet: SimulatedFleet): number {
  return fleet.rate(10, 1000, 'throttled') / fleet.rate(10, 1000);
}

/** Share of the requests that the endpoint would have accepted, up to a time. */
function usedShare(fleet: SimulatedFleet, untilSecs: number): number {
  return fleet.server.count(0, untilSecs * 1000, 'accepted') / (BURST + QUOTA * untilSecs);
}

describe('engines that share nothing and are not told the quota', () => {
  for (const retryAfterMillis of [undefined, 1000]) {
    const asked = retryAfterMillis === undefined ? {} : { retryAfterMillis };
    const says = retryAfterMillis === undefined ? 'no Retry-After' : 'Retry-After: 1';

    test.each([1, 2, 3])(
      `8 use at least 90 % of it from first to last, under 2 % refused, with ${says} (seed %i)`,
      async (seed) => {
        const fleet = fleetOf(8, { seed, ...asked });
        expect(await fleet.work(REQUESTS)).toEqual({ succeeded: REQUESTS, failed: 0 });
        expect(usedShare(fleet, fleet.clock.now() / 1000)).toBeGreaterThanOrEqual(0.9);
        expect(refusedShare(fleet)).toBeLessThan(0.02);
        // Refused requests were retried, and no others.
        expect(fleet.server.arrivals).toHaveLength(REQUESTS + fleet.server.count(0, Infinity, 'throttled'));
      },
    );

    // One engine alone doubles its rate from a few a second; of many, the last have what is left.
    test.each([1, 32])(
      `%i use at least 88 % of it after ten seconds, under 2 % refused, with ${says}`,
      async (engines) => {
        const fleet = fleetOf(engines, { seed: 4, batchesAtOnce: engines === 1 ? 64 : 8, ...asked });
        expect(await fleet.work(REQUESTS)).toEqual({ succeeded: REQUESTS, failed: 0 });
        expect(fleet.rate(10, 45, 'accepted')).toBeGreaterThanOrEqual(0.88 * QUOTA);
        expect(refusedShare(fleet)).toBeLessThan(0.02);
      },
    );
  }

  test('count what they did: requests, those accepted, those refused, and how long they waited', async () => {
    const fleet = fleetOf(8, { seed: 5 });
    await fleet.work(1000);
    const sum = (name: Parameters<(typeof fleet.metrics)[0]['counter']>[0]): number =>
      fleet.metrics.reduce((total, metrics) => total + metrics.counter(name), 0);
    expect(sum('endpoint_requests')).toBe(fleet.server.arrivals.length);
    expect(sum('endpoint_requests_accepted')).toBe(1000);
    expect(sum('endpoint_requests_throttled')).toBe(fleet.server.count(0, Infinity, 'throttled'));
    expect(sum('endpoint_request_retries')).toBe(0);
    // Eight at once per engine for ten seconds, without the time in flight.
    expect(sum('endpoint_throttled_milli_secs')).toBeGreaterThan(0.5 * 8 * 8 * 10_000);
    const latency = fleet.metrics[0]?.distribution('endpoint_latency_milli_secs');
    expect(latency?.min).toBeGreaterThanOrEqual(LATENCY[0]);
    expect(latency?.max).toBeLessThanOrEqual(LATENCY[1]);
  });

  test('follow a quota that doubles, and one that falls to a fifth', async () => {
    const fleet = fleetOf(8, { seed: 6 });
    await fleet.workThrough([
      [60, () => void (fleet.server.quota = 2 * QUOTA)],
      [160, () => void (fleet.server.quota = QUOTA / 5)],
      [300, () => {}],
    ]);
    expect(fleet.rate(100, 160, 'accepted')).toBeGreaterThanOrEqual(0.9 * 2 * QUOTA);
    expect(fleet.rate(240, 300, 'accepted')).toBeGreaterThanOrEqual(0.9 * (QUOTA / 5));
    expect(fleet.rate(240, 300, 'throttled') / fleet.rate(240, 300)).toBeLessThan(0.03);
  });

  test('warn once an engine that throttling lasts, with the pace that was found', async () => {
    const fleet = fleetOf(2, { seed: 7 });
    await fleet.workThrough([[120, () => {}]]);
    expect(fleet.warnings).toHaveLength(2);
    expect(fleet.warnings[0]).toMatch(
      /^SimulatedHandler keeps throttling: batches wait, the current rate is \d+ requests per second/,
    );
  });
});

describe('an endpoint that fails altogether', () => {
  test.each([1, 2])(
    'gets a 20th of the requests within a minute, and all its quota takes within two of its return (seed %i)',
    async (seed) => {
      const fleet = fleetOf(8, { seed });
      await fleet.workThrough([
        [60, () => void (fleet.server.isDown = true)],
        [180, () => void (fleet.server.isDown = false)],
        [240, () => {}],
      ]);
      const before = fleet.rate(40, 60);
      expect(before).toBeGreaterThan(0.9 * QUOTA);
      expect(fleet.rate(90, 120)).toBeLessThan(before / 20);
      expect(fleet.rate(120, 180)).toBeLessThan(before / 20);
      // Within 20 seconds rather than two minutes.
      expect(fleet.rate(200, 240, 'accepted')).toBeGreaterThanOrEqual(0.9 * QUOTA);
      const [told, ...others] = fleet.warnings.filter((warning) => warning.includes('is down'));
      expect(told).toMatch(/^SimulatedHandler is down: the last \d+ requests, over \d+ s, all failed/);
      expect(others).toHaveLength(7);
      expect(fleet.warnings.filter((warning) => /answers again, after \d{3} s$/.test(warning))).toHaveLength(8);
    },
  );
});
