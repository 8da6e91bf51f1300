import { describe, expect, test } from 'vitest';
import { DescribedHandler, doubled, endpointOf, endpointWith, hanging, throwing } from '../scripted-handler.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { DOWN, failure, REFUSED, THROTTLED, UNREACHABLE, values } from './wine-failures.ts';

describe('ask', () => {
  test('answers a batch by one request, and says what it took', async () => {
    const { ask, handler, clock } = endpointWith([async (call) => (await clock.sleep(30), doubled(call))]);
    expect(await ask([1, 2, 3])).toEqual({ kind: 'answered', tries: 1, answers: values(2, 4, 6), millis: 30 });
    expect(handler.calls).toHaveLength(1);
  });

  test('makes a request again that may succeed the next time, each time after a longer wait', async () => {
    const { ask, handler, metrics } = endpointWith([throwing(DOWN), throwing(DOWN), throwing(DOWN)]);
    expect(await ask([1])).toMatchObject({ kind: 'answered', tries: 4, answers: values(2) });
    // Nine tenths of 1 s, of 2 s, of 4 s.
    expect(handler.calls.map(({ at }) => at)).toEqual([0, 900, 2700, 6300]);
    expect(metrics.counter('endpoint_request_retries')).toBe(3);
  });

  test('gives up after numRetries, with what the endpoint said last', async () => {
    const { ask, handler } = endpointWith(
      [1, 2, 3].map(() => throwing(DOWN)),
      { numRetries: 2 },
    );
    expect(await ask([1, 2])).toEqual({ kind: 'failed', tries: 3, cause: 'error', error: DOWN });
    expect(handler.calls).toHaveLength(3);
  });

  test('counts the tries of an attempt before', async () => {
    const { ask, handler } = endpointWith([throwing(DOWN), throwing(DOWN)], { numRetries: 2 });
    expect(await ask([1, 2], { triesBefore: 2 })).toMatchObject({ kind: 'failed', tries: 1 });
    expect(handler.calls).toHaveLength(1);
  });

  test('tries a piece of several elements once where it looks for the one that fails, and one element as often as ever', async () => {
    const several = endpointWith([throwing(DOWN)]);
    expect(await several.ask([1, 2], { isolating: true })).toMatchObject({ kind: 'failed', tries: 1 });
    const one = endpointWith([throwing(DOWN)]);
    expect(await one.ask([1], { isolating: true })).toMatchObject({ kind: 'answered', tries: 2 });
  });

  test('waits as often as it is throttled, which is no try', async () => {
    const { ask, handler, metrics } = endpointWith(
      Array.from({ length: 20 }, () => throwing(THROTTLED)),
      { numRetries: 0 },
    );
    expect(await ask([1])).toMatchObject({ kind: 'answered', tries: 1, answers: values(2) });
    expect(handler.calls).toHaveLength(21);
    expect(metrics.counter('endpoint_requests_throttled')).toBe(20);
    expect(metrics.counter('endpoint_request_retries')).toBe(0);
    expect(metrics.counter('endpoint_throttled_milli_secs')).toBeCloseTo(handler.calls.at(-1)?.at ?? 0);
  });

  test.each([
    ['throttles', failure(429, 'throttle', 20_000)],
    ['fails', failure(503, 'retry', 20_000)],
  ])('waits as long as an endpoint asks for that %s', async (_, error) => {
    const { ask, handler } = endpointWith([throwing(error)]);
    await ask([1]);
    expect(handler.calls[1]?.at).toBeGreaterThanOrEqual(20_000);
    expect(handler.calls[1]?.at).toBeLessThan(22_000);
  });

  test('fails a batch that is refused at once, and the run where no request will be answered', async () => {
    const refused = endpointWith([throwing(REFUSED)]);
    expect(await refused.ask([1, 2])).toEqual({ kind: 'failed', tries: 1, cause: 'error', error: REFUSED });
    const fatal = endpointWith([throwing(failure(403, 'fatal'))]);
    expect(await fatal.ask([1, 2])).toMatchObject({ kind: 'failed', tries: 1, cause: 'fatal' });
  });

  test('says once that an endpoint gives one result for a batch', async () => {
    const one = endpointWith([() => 2, () => [2], () => [1, 2, 3]]);
    for (const batch of [
      [1, 2],
      [1, 2, 3],
      [1, 2],
    ])
      expect(await one.ask(batch)).toMatchObject({ kind: 'failed', error: { name: 'ResultCountError' } });
    expect(one.warnings).toEqual([expect.stringContaining('set maxBatchSize: 1')]);
  });

  test('an endpoint that was never reached ends the run; one that was fails the batch', async () => {
    const never = endpointWith([UNREACHABLE, UNREACHABLE].map(throwing), { numRetries: 1 });
    expect(await never.ask([1])).toEqual({ kind: 'failed', tries: 2, cause: 'fatal', error: UNREACHABLE });
    const once = endpointWith([doubled, throwing(UNREACHABLE), throwing(UNREACHABLE)], { numRetries: 1 });
    await once.ask([1]);
    expect(await once.ask([2])).toEqual({ kind: 'failed', tries: 2, cause: 'error', error: UNREACHABLE });
  });

  test('a model that says what it is without being asked has not been reached by that', async () => {
    const clock = new VirtualClock();
    const handler = new DescribedHandler(clock, [throwing(UNREACHABLE)], { numRetries: 0 });
    handler.says = () => ({ label: '3', isUnasked: true });
    expect(await endpointOf(clock, handler).ask([1])).toMatchObject({ kind: 'failed', cause: 'fatal' });
    const asked = new DescribedHandler(clock, [throwing(UNREACHABLE)], { numRetries: 0 });
    expect(await endpointOf(clock, asked).ask([1])).toMatchObject({ kind: 'failed', cause: 'error' });
  });

  test.each([
    ['timeoutSecs of the handler', 20, 60_000, 'within 20 s'],
    ['time of the step', 60, 1500, 'within 1.5 s'],
  ])('gives up a request after the %s, and tells it so', async (_, timeoutSecs, timeoutMillis, limit) => {
    const { ask, handler, clock } = endpointWith([hanging, () => new Promise(() => {})], {
      timeoutSecs,
      numRetries: 1,
    });
    const answer = await ask([1], { timeoutMillis });
    expect(answer).toMatchObject({ kind: 'failed', tries: 2, cause: 'timeout', error: { name: 'TimeoutError' } });
    expect(answer).toHaveProperty('error.message', `wine at http://models.test did not answer ${limit}`);
    expect(handler.calls[0]?.signal.aborted).toBe(true);
    expect(clock.now()).toBe(2 * Math.min(timeoutSecs * 1000, timeoutMillis) + 900);
  });

  test('a handler that does not give one result for each element breaks its contract', async () => {
    const given = [[1], [1, 2, 3], 'results', undefined];
    const { ask } = endpointWith(given.map((results) => () => results));
    for (const results of given) {
      const count = Array.isArray(results) ? results.length : typeof results;
      expect(await ask([1, 2])).toMatchObject({
        kind: 'failed',
        cause: 'error',
        error: {
          name: 'ResultCountError',
          message: `wine at http://models.test: 'request' must return one result per element: got ${count} for 2`,
        },
      });
    }
  });

  test('a list of results with a hole has a result there, and the others stay in their places', async () => {
    const holed: unknown[] = [];
    holed[1] = 4;
    const { ask } = endpointWith([() => holed]);
    expect(await ask([1, 2])).toMatchObject({ answers: [{ ok: true, value: undefined }, ...values(4)] });
  });

  test('each request has its own arguments', async () => {
    const inferenceArgs = { parameters: { temperature: 0 } };
    const spoil = ({ inferenceArgs: own }: { inferenceArgs: unknown }): never => {
      (own as typeof inferenceArgs).parameters.temperature = 1;
      throw DOWN;
    };
    const { ask, handler } = endpointWith([spoil]);
    await ask([1], { inferenceArgs });
    expect(handler.calls[1]?.inferenceArgs).toEqual({ parameters: { temperature: 0 } });
    expect(inferenceArgs.parameters.temperature).toBe(0);
  });

  test('a handler may say itself what is worth another try', async () => {
    const { ask, handler } = endpointWith([throwing(new Error('come again')), throwing(DOWN)]);
    handler.isRetryable = (error) => error instanceof Error && error.message === 'come again';
    expect(await ask([1])).toMatchObject({ kind: 'failed', tries: 2, error: DOWN });
  });
});

test('a handler that fails to judge a failure gives its place in line back', async () => {
  const { ask, handler, clock } = endpointWith([throwing(DOWN)], { maxConcurrency: 1 });
  handler.isRetryable = () => {
    throw new TypeError('no status');
  };
  await expect(ask([1])).rejects.toThrow('no status');
  expect(await ask([2])).toMatchObject({ kind: 'answered', answers: values(4) });
  expect(clock.now()).toBeLessThan(1000);
});

test('an endpoint that fails each element of its batches is one that fails', async () => {
  const down = Array.from({ length: 20 }, () => () => [DOWN, DOWN]);
  const { ask, warnings, metrics } = endpointWith(down, { numRetries: 20 });
  await ask([1, 2]);
  expect(warnings[0]).toMatch(/is down: the last 10 requests/);
  expect(metrics.counter('endpoint_requests_accepted')).toBe(1);
});

describe('a RemoteModelHandler', () => {
  test.each([0, -1, NaN, Infinity, 86_401])('refuses to wait for a request for %d seconds', (timeoutSecs) => {
    expect(() => endpointWith([], { timeoutSecs })).toThrow(
      `Cannot create ScriptedHandler as 'timeoutSecs' must be a positive number of at most 86400: current value is ${timeoutSecs}`,
    );
  });
});
