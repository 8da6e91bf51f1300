import { describe, expect, test } from 'vitest';
import { EndpointBusyError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { askOptionsOf, doubled, endpointWith, hanging, throwing } from '../scripted-handler.ts';
import { DOWN, failure, values } from './wine-failures.ts';

describe('ask, broken off', () => {
  test('makes no new request once it is aborted, reports the answers that it has, and lets the in-flight request end', async () => {
    const { endpoint, handler, clock } = endpointWith([() => [2, DOWN]]);
    const stop = new AbortController();
    const reason = new Error('deadline');
    const ended: unknown[] = [];
    const options = { signal: stop.signal, onEnded: (batch: unknown) => void ended.push(batch) };
    const asked = endpoint.ask([1, 2], askOptionsOf([1, 2], options));
    clock.setTimeout(() => stop.abort(reason), 100);
    await expect(clock.run(asked)).rejects.toBe(reason);
    expect(ended).toEqual([{ tries: [1, 1], answers: [...values(2), undefined] }]);
    expect(handler.calls).toHaveLength(1);

    const slow = endpointWith([async (call) => (await slow.clock.sleep(500), doubled(call))]);
    const stopSlow = new AbortController();
    const answered = slow.endpoint.ask([1], askOptionsOf([1], { signal: stopSlow.signal }));
    slow.clock.setTimeout(() => stopSlow.abort(reason), 100);
    expect(await slow.clock.run(answered)).toMatchObject({ kind: 'answered', answers: values(2) });
  });

  test('cancels the in-flight request when it is killed, and frees its place in line', async () => {
    const { endpoint, clock, ask } = endpointWith([hanging], { maxConcurrency: 1 });
    const kill = new AbortController();
    const asked = endpoint.ask([1], askOptionsOf([1], { killSignal: kill.signal }));
    clock.setTimeout(() => kill.abort(new Error('killed')), 100);
    await expect(clock.run(asked)).rejects.toThrow('killed');
    expect(await ask([2])).toMatchObject({ kind: 'answered', answers: values(4) });
  });

  test('makes no request that is killed already', async () => {
    const { ask, handler } = endpointWith([], { maxConcurrency: 1 });
    await expect(ask([1], { killSignal: AbortSignal.abort(new Error('killed')) })).rejects.toThrow('killed');
    expect(handler.calls).toEqual([]);
    expect(await ask([2])).toMatchObject({ kind: 'answered' });
  });

  test('says when to come again where it would have to wait longer than it can', async () => {
    const { endpoint, ask, clock } = endpointWith([throwing(failure(429, 'throttle', 300_000))]);
    const error: unknown = await ask([1], { patienceMillis: 60_000 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EndpointBusyError);
    expect(error).toMatchObject({ message: 'wine at http://models.test accepts no requests for the next 301 s' });
    expect(clock.now()).toBe(0);
    // The endpoint asked everyone to wait: the next batch is told so without a request.
    const next: unknown = await clock.run(
      endpoint.ask([2], askOptionsOf([2], { patienceMillis: 1000 })).catch((it) => it),
    );
    expect(next).toMatchObject({ name: 'EndpointBusyError', retryAfterMillis: 300_000 });
  });

  test('awaits its turn behind a slow request, however short its patience with the endpoint is', async () => {
    const { endpoint, clock, ask } = endpointWith([hanging], { maxConcurrency: 1 });
    const first = endpoint.ask([1], askOptionsOf([1]));
    await clock.advance(0);
    expect(await ask([2], { patienceMillis: 7000 })).toMatchObject({ kind: 'answered' });
    expect(clock.now()).toBeGreaterThan(7000);
    await clock.run(first);
  });
});

describe('ask, with declared limits', () => {
  test('keeps to them, and to their share of a fleet', async () => {
    const { endpoint, clock, handler } = endpointWith([], { rateLimits: [{ requests: 2, per: 'second' }] });
    const askAll = async (count: number): Promise<void> => {
      const asked = Array.from({ length: count }, (_, n) => endpoint.ask([n], askOptionsOf([n])));
      await clock.run(Promise.all(asked));
    };
    await askAll(6);
    expect(handler.calls.map(({ at }) => at).at(-1)).toBeCloseTo(2500, -1);
    endpoint.shareLimits(4);
    const before = clock.now();
    await askAll(2);
    expect(clock.now() - before).toBeCloseTo(4000, -1);
  });

  test('a batch that can not wait for the limit goes back at once', async () => {
    const { endpoint, ask, clock, handler } = endpointWith([], { rateLimits: [{ weight: 60, per: 'minute' }] });
    await ask([1], { weight: 30 });
    const error: unknown = await clock.run(
      endpoint.ask([2], askOptionsOf([2], { weight: 10, patienceMillis: 20_000 })).catch((it: unknown) => it),
    );
    expect(error).toMatchObject({ name: 'EndpointBusyError', retryAfterMillis: 30_000 });
    expect(handler.calls).toHaveLength(1);
  });
});
