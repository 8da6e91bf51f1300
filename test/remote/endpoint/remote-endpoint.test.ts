import { describe, expect, test } from 'vitest';
import { ModelLoadError } from '../../../lib/errors.ts';
import { EndpointBusyError, EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import {
  askOptionsOf,
  DescribedHandler,
  doubled,
  endpointOf,
  endpointWith,
  hanging,
  throwing,
} from '../scripted-handler.ts';
import { VirtualClock } from '../virtual-clock.ts';

function failure(status: number, disposition: 'throttle' | 'retry' | 'poison' | 'fatal', retryAfterMillis?: number) {
  const wait = retryAfterMillis === undefined ? {} : { retryAfterMillis };
  return new EndpointError(`wine failed (HTTP ${status})`, { status, disposition, ...wait });
}

const THROTTLED = failure(429, 'throttle');
const DOWN = failure(503, 'retry');
const REFUSED = failure(400, 'poison');
const UNREACHABLE = new EndpointError("wine can't be reached", {
  name: 'EndpointUnreachableError',
  disposition: 'retry',
});

function values(...numbers: number[]) {
  return numbers.map((value) => ({ ok: true, value }));
}

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
          message: `wine at http://models.test: request must give one result for each element: got ${count} for 2`,
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

  test('each request has arguments of its own', async () => {
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
  expect(warnings[0]).toMatch(/fails altogether: none of the last 10 requests/);
  expect(metrics.counter('endpoint_requests_accepted')).toBe(1);
});

describe('ask, where an answer has failures of single elements', () => {
  test('asks again for those alone that may do better, and keeps what the others got', async () => {
    const { ask, handler } = endpointWith([() => [2, DOWN, REFUSED, THROTTLED, 10], () => [4, 8]]);
    expect(await ask([1, 2, 3, 4, 5])).toEqual({
      kind: 'answered',
      tries: 2,
      answers: [...values(2, 4), { ok: false, error: REFUSED }, ...values(8, 10)],
    });
    expect(handler.calls.map(({ batch }) => batch)).toEqual([
      [1, 2, 3, 4, 5],
      [2, 4],
    ]);
  });

  test('fails one that never does better, after as many tries as a batch has', async () => {
    const { ask } = endpointWith([() => [2, DOWN], () => [DOWN], () => [DOWN]], { numRetries: 2 });
    expect(await ask([1, 2])).toEqual({
      kind: 'answered',
      tries: 3,
      answers: [...values(2), { ok: false, error: DOWN }],
    });
  });

  test('asks one by one for those that are refused together', async () => {
    const { ask, handler } = endpointWith([() => [2, DOWN, DOWN, 8], throwing(REFUSED), doubled, throwing(REFUSED)]);
    expect(await ask([1, 2, 3, 4])).toMatchObject({
      kind: 'answered',
      answers: [...values(2, 4), { ok: false, error: REFUSED }, ...values(8)],
    });
    expect(handler.calls.map(({ batch }) => batch)).toEqual([[1, 2, 3, 4], [2, 3], [2], [3]]);
  });

  test('the last tells the run to end, and what the others got is kept', async () => {
    const { ask } = endpointWith([() => [2, DOWN], throwing(failure(401, 'fatal'))]);
    const ended: unknown[] = [];
    const options = { onEnded: (batch: unknown) => void ended.push(batch) };
    expect(await ask([1, 2], options)).toMatchObject({ kind: 'failed', cause: 'fatal' });
    expect(ended).toEqual([{ tries: [1, 2], answers: [...values(2), undefined] }]);
  });

  test('each counts the requests that it was in, and no neighbour is charged for another', async () => {
    const refused = new EndpointError('no', { disposition: 'poison' });
    const { ask } = endpointWith([() => [refused, DOWN, failure(429, 'throttle')], () => [4, 6]]);
    const ended: unknown[] = [];
    await ask([1, 2, 3], { onEnded: (batch: unknown) => void ended.push(batch) });
    expect(ended).toMatchObject([{ tries: [1, 2, 1] }]);
  });
});

describe('ask, broken off', () => {
  test('makes no new request once it is aborted, hands over what it has, and lets the one under way come to its end', async () => {
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

  test('gives up the request under way when it is killed, and its place in line is free', async () => {
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
    expect(error).toMatchObject({ message: 'wine at http://models.test takes no more requests for the next 301 s' });
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
    expect(handler.calls.map(({ at }) => at).at(-1)).toBeCloseTo(2000, -1);
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

describe('a RemoteModelHandler', () => {
  test.each([0, -1, NaN, Infinity, 86_401])('refuses to wait for a request for %d seconds', (timeoutSecs) => {
    expect(() => endpointWith([], { timeoutSecs })).toThrow(
      `Cannot create ScriptedHandler as 'timeoutSecs' must be a positive number of at most 86400: current value is ${timeoutSecs}`,
    );
  });
});

describe('open', () => {
  test('is asked once, whoever asks', async () => {
    const clock = new VirtualClock();
    const handler = new DescribedHandler(clock);
    let made = 0;
    handler.makesClient = () => (made += 1);
    const { endpoint, ask } = endpointOf(clock, handler);
    const [first, second] = await Promise.all([endpoint.open(), endpoint.open()]);
    expect(first).toEqual({ label: '3', digest: 'wine/3' });
    expect(second).toEqual(first);
    await ask([1]);
    expect(made).toBe(1);
  });

  test('a model that says nothing of itself is called by its handler', async () => {
    const { endpoint } = endpointWith();
    expect(await endpoint.open()).toEqual({ label: 'ScriptedHandler' });
  });

  test('tries again where that may help, and says which endpoint failed it', async () => {
    const clock = new VirtualClock();
    const handler = new DescribedHandler(clock, [], { numRetries: 2 });
    let asked = 0;
    handler.says = () => {
      asked += 1;
      throw asked < 3 ? DOWN : failure(404, 'fatal');
    };
    const { endpoint } = endpointOf(clock, handler);
    const error: unknown = await clock.run(endpoint.open().catch((it: unknown) => it));
    expect(error).toBeInstanceOf(ModelLoadError);
    expect(error).toMatchObject({
      message: "wine at http://models.test can't be used: wine failed (HTTP 404)",
      disposition: 'fatal',
    });
    expect(asked).toBe(3);
    handler.says = () => ({ label: '4' });
    expect(await clock.run(endpoint.open())).toEqual({ label: '4' });
  });

  test('an endpoint that is down or hangs may come up another time', async () => {
    const clock = new VirtualClock();
    const handler = new DescribedHandler(clock, [], { numRetries: 1, timeoutSecs: 5 });
    handler.says = () => new Promise(() => {});
    const { endpoint } = endpointOf(clock, handler);
    await expect(clock.run(endpoint.open())).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: 'wine at http://models.test did not say within 5 s what its model is',
      disposition: 'retry',
    });
    expect(clock.now()).toBe(10_900);
  });

  test('a client that can not be made is a model that can not be loaded', async () => {
    const { endpoint, handler } = endpointWith();
    handler.makesClient = () => {
      throw new Error('SENTIMENT_KEY is not set');
    };
    await expect(endpoint.ask([1], askOptionsOf([1]))).rejects.toThrow(
      "wine at http://models.test can't be used: SENTIMENT_KEY is not set",
    );
  });
});
