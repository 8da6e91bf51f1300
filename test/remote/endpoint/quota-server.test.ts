import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../lib/time/clock.ts';
import { RemoteEndpoint } from '../../../lib/remote/endpoint/remote-endpoint.ts';
import { Metrics } from '../../../lib/telemetry/metrics.ts';
import { QUICK_CLOCK } from '../quick-clock.ts';
import { QuotaHandler } from '../quota-handler.ts';
import { QuotaServer, REFUSED_INSTANCE } from '../quota-server.ts';
import { askOptionsOf } from '../scripted-handler.ts';

interface EngineOptions {
  readonly timeoutSecs?: number;
  readonly numRetries?: number;
  readonly clock?: Clock;
}

function engineAt(url: string, { clock, ...options }: EngineOptions = {}) {
  const metrics = new Metrics();
  const handler = new QuotaHandler({ url, ...options });
  return { metrics, endpoint: new RemoteEndpoint({ handler, metrics, ...(clock === undefined ? {} : { clock }) }) };
}

describe('an endpoint over HTTP', () => {
  test.each([
    ['seconds', 1],
    ['date', 2],
  ] as const)('that throttles and says for how long in %s is asked again then', async (as, secs) => {
    await using server = await QuotaServer.start({ retryAfter: { secs, as } });
    server.mishaps.push('throttle');
    const { endpoint, metrics } = engineAt(server.url, { clock: QUICK_CLOCK });
    const startedAt = QUICK_CLOCK.now();
    const answer = await endpoint.ask([3], askOptionsOf([3]));
    expect(answer).toMatchObject({ kind: 'answered', tries: 1, answers: [{ ok: true, value: 6 }] });
    // A date has whole seconds, so that it may say almost one less.
    expect(QUICK_CLOCK.now() - startedAt).toBeGreaterThanOrEqual(990);
    expect(metrics.counter('endpoint_requests_throttled')).toBe(1);
  });

  test('that has a quota gets all it takes of many at once, and answers each element once', async () => {
    await using server = await QuotaServer.start({ rate: 50, burst: 1 });
    const engines = [1, 2, 3].map(() => engineAt(server.url).endpoint);
    const answers = await Promise.all(engines.map((engine, n) => engine.ask([n], askOptionsOf([n]))));
    expect(answers.map((answer) => answer.kind === 'answered' && answer.answers[0])).toEqual(
      [0, 2, 4].map((value) => ({ ok: true, value })),
    );
    expect([...server.answers.values()]).toEqual([1, 1, 1]);
    expect(server.counts.requests).toBe(3 + server.counts.throttled);
  });

  test('that breaks, hangs up and hangs is asked again', async () => {
    await using server = await QuotaServer.start();
    const { endpoint, metrics } = engineAt(server.url, { timeoutSecs: 10, clock: QUICK_CLOCK });
    server.mishaps.push('fail', 'hang up', 'hang');
    const answer = await endpoint.ask([3], askOptionsOf([3]));
    expect(answer).toMatchObject({ kind: 'answered', tries: 4, answers: [{ ok: true, value: 6 }] });
    expect(metrics.counter('endpoint_request_retries')).toBe(3);
    expect(server.counts).toMatchObject({ requests: 4, accepted: 1, failed: 1 });
  });

  test('that hangs for good fails the batch by its time', async () => {
    await using server = await QuotaServer.start();
    const { endpoint } = engineAt(server.url, { timeoutSecs: 0.1, numRetries: 0 });
    server.mishaps.push('hang');
    expect(await endpoint.ask([3], askOptionsOf([3]))).toMatchObject({
      kind: 'failed',
      cause: 'timeout',
      error: { name: 'TimeoutError', message: `the model at ${server.url} did not answer within 0.1 s` },
    });
  });

  test('that refuses an element is not asked again', async () => {
    await using server = await QuotaServer.start();
    const { endpoint } = engineAt(server.url);
    expect(await endpoint.ask([1, REFUSED_INSTANCE], askOptionsOf([1, 2]))).toMatchObject({
      kind: 'failed',
      cause: 'error',
      tries: 1,
      error: { message: expect.stringContaining('instance 1 is not one that this model takes') },
    });
    expect(server.counts).toMatchObject({ requests: 1, refused: 1 });
  });

  test('that is not there ends the run, once it is certain', async () => {
    const server = await QuotaServer.start();
    const { url } = server;
    await server[Symbol.asyncDispose]();
    const { endpoint } = engineAt(url, { numRetries: 0 });
    expect(await endpoint.ask([1], askOptionsOf([1]))).toMatchObject({
      kind: 'failed',
      cause: 'fatal',
      error: { name: 'EndpointUnreachableError', message: expect.stringContaining(`the model at ${url}`) },
    });
  });
});
