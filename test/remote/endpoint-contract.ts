import { describe, expect, test } from 'vitest';
import { ModelLoadError } from '../../lib/errors.ts';
import { type EndpointSuite, endpointUnderTest, PAYLOAD } from './endpoint-under-test.ts';
import { withEnvironment } from './environment.ts';
import { type FakeAnswer, startFakeService } from './fake-service.ts';
import { selfSigned } from './self-signed.ts';

const STATUSES = [
  [400, 'EndpointRefusedError', 'poison'],
  [401, 'EndpointCredentialsError', 'fatal'],
  [403, 'EndpointCredentialsError', 'fatal'],
  [404, 'EndpointModelError', 'fatal'],
  [408, 'EndpointServerError', 'retry'],
  [413, 'EndpointRefusedError', 'poison'],
  [422, 'EndpointRefusedError', 'poison'],
  [429, 'EndpointThrottledError', 'throttle'],
  [500, 'EndpointServerError', 'retry'],
  [502, 'EndpointServerError', 'retry'],
  [503, 'EndpointServerError', 'retry'],
] as const;

/** More than the default number of connections of the AWS SDK. */
const MANY = 150;

/** Promises of every handler about its endpoint, whatever the protocol of the service. */
export function describeEndpoint<Client>(name: string, suite: EndpointSuite<Client>): void {
  const { rightly, batch } = suite;

  describe(name, () => {
    const { service, asked, answers, alwaysAnswers, ...endpoint } = endpointUnderTest(suite);
    const { withHandler, failureOf, failure, ask } = endpoint;

    test('answers each element of a batch by one request', async () => {
      const before = asked();
      expect(await withHandler((request) => request(batch))).toEqual(suite.predictions);
      expect(asked()).toBe(before + 1);
    });

    test('refuses what is no element of its before it is sent', async () => {
      const before = asked();
      const refused = await withHandler((request) => request([suite.misfit]).catch((error: unknown) => [error]));
      expect(refused).toMatchObject([{ name: 'InputMismatchError' }]);
      expect(asked()).toBe(before);
    });

    test.for(STATUSES)('takes the status %i for an %s: %s', async ([status, errorName, disposition]) => {
      alwaysAnswers(() => suite.refusal(status, 'so it is'));
      const before = asked();
      const error = await failure();
      expect(error).toMatchObject({ name: errorName, disposition, status });
      expect(error.message).toContain(String(status));
      expect(error.retryAfterMillis).toBeUndefined();
      const handler = suite.handler(service.url, {});
      expect(handler.isThrottled(error)).toBe(disposition === 'throttle');
      expect(handler.isRetryable(error)).toBe(disposition === 'retry');
      // Only flow control retries, and no layer below it.
      expect(asked()).toBe(before + 1);
    });

    test("says in the service's words why it refuses a request", async () => {
      alwaysAnswers(() => suite.refusal(400, 'the column is bad'));
      expect((await failure()).message).toContain('the column is bad');
    });

    test.for([429, 503])('waits after the status %i as long as the service asks for', async (status) => {
      alwaysAnswers(() => {
        const { headers, ...answer } = suite.refusal(status, '');
        return { ...answer, headers: { ...headers, 'retry-after': '7' } };
      });
      expect(await failure()).toMatchObject({ status, retryAfterMillis: 7000 });
    });

    test('follows no redirect', async () => {
      await using other = await startFakeService(rightly, suite.service);
      alwaysAnswers(() => ({ status: 307, headers: { location: `${other.url}/elsewhere` }, body: '' }));
      expect(await failure()).toMatchObject({ name: 'EndpointRedirectError', disposition: 'fatal' });
      expect(other.requests).toEqual([]);
    });

    test('takes the page of a proxy that is down for a failure of the service', async () => {
      const body = `<html><title>Bad Gateway</title><p>${PAYLOAD}</p></html>`;
      alwaysAnswers(() => ({ status: 502, headers: { 'content-type': 'text/html' }, body }));
      expect(await failure()).toMatchObject({ name: 'EndpointServerError', disposition: 'retry' });
    });

    test.for(suite.strange)('is not content with %j', async ([answer, words, disposition]) => {
      alwaysAnswers(() => answer);
      const error = await failure();
      expect(error).toMatchObject({ name: 'EndpointProtocolError', disposition });
      expect(error.message).toContain(words);
    });

    test('ends the run where no answer ever was what it should be', async () => {
      const [[answer] = [{}]] = suite.strange;
      alwaysAnswers(() => answer);
      await withHandler(async (request) => {
        for (let nth = 1; nth <= 5; nth += 1) {
          const { disposition } = await failureOf(request(batch));
          expect(disposition === 'fatal', `answer ${nth}`).toBe(nth === 5);
        }
      });
    });

    test('goes on after many strange answers where one was right', async () => {
      const [[answer] = [{}]] = suite.strange;
      await withHandler(async (request) => {
        await request(batch);
        alwaysAnswers(() => answer);
        for (let nth = 1; nth <= 6; nth += 1) expect((await failureOf(request(batch))).disposition).not.toBe('fatal');
      });
    });

    test('tries again where the connection breaks before the answer', async () => {
      alwaysAnswers(() => ({ hangUp: true }));
      const before = asked();
      expect(await failure()).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'retry' });
      expect(asked()).toBe(before + 1);
    });

    test('tries again where the connection breaks in the middle of the answer', async () => {
      alwaysAnswers(async (request) => ({ ...(await rightly(request)), hangUp: 'halfway' }));
      const before = asked();
      expect((await failure()).disposition).toBe('retry');
      expect(asked()).toBe(before + 1);
    });

    test('trusts no certificate without a known authority', async () => {
      await using tls = await startFakeService(rightly, { tls: await selfSigned() });
      using _ = withEnvironment(suite.environment(tls.url));
      expect(await failure(tls.url)).toMatchObject({ name: 'EndpointTlsError', disposition: 'fatal' });
      expect(tls.requests).toEqual([]);
    });

    test('says what is missing where there are no credentials', async () => {
      using _ = withEnvironment(suite.withoutCredentials);
      const before = asked();
      const error = await failureOf(withHandler((request) => request(batch)));
      expect(error).toMatchObject({ name: 'EndpointCredentialsError', disposition: 'fatal' });
      expect(error.message).toMatch(/without AWS credentials|environment variable \w+ is not set/);
      expect(asked()).toBe(before);
    });

    test('repeats no secret that the service repeats', async () => {
      for (const secret of suite.secrets) {
        alwaysAnswers(() => suite.repeating(secret));
        // `failure` looks for it.
        await failure();
      }
    });

    test('cancels a request when its answer is no longer needed', async () => {
      const gaveUp = new Error('not needed');
      const stop = new AbortController();
      alwaysAnswers(() => {
        stop.abort(gaveUp);
        return new Promise<FakeAnswer>(() => {});
      });
      await withHandler((request) => expect(request(batch, stop.signal)).rejects.toBe(gaveUp));
    });

    test('has as many requests in flight as its limit allows', async () => {
      const waiting: (() => void)[] = [];
      alwaysAnswers(async (request) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        if (waiting.push(resolve) === MANY) for (const release of waiting) release();
        await promise;
        return rightly(request);
      });
      const all = await withHandler((request) => Promise.all(Array.from({ length: MANY }, () => request(batch))), {
        maxConcurrency: MANY,
      });
      expect(all).toEqual(Array.from({ length: MANY }, () => suite.predictions));
    });

    test('is asked by an engine until it answers, where it is busy, down or out of reach for a while', async () => {
      answers(
        () => suite.refusal(429, 'too many'),
        () => suite.refusal(503, 'down'),
        () => ({ hangUp: true }),
      );
      expect(await ask()).toMatchObject({
        kind: 'answered',
        // That it was busy is no try.
        tries: 3,
        answers: suite.predictions.map((value) => ({ ok: true, value })),
      });
    });

    test('fails the elements that it refuses by one request', async () => {
      alwaysAnswers(() => suite.refusal(422, 'not these'));
      const before = asked();
      expect(await ask()).toMatchObject({ kind: 'failed', cause: 'error', tries: 1 });
      expect(asked()).toBe(before + 1);
    });

    test.for([401, 403, 404])('ends the run by one request, where that has the status %i', async (status) => {
      alwaysAnswers(() => suite.refusal(status, 'never'));
      const before = asked();
      expect(await ask()).toMatchObject({ kind: 'failed', cause: 'fatal', tries: 1 });
      expect(asked()).toBe(before + 1);
    });

    test('ends the run where nothing listens, and not one element of a million is tried in vain', async () => {
      const gone = await startFakeService(rightly, suite.service);
      await gone[Symbol.asyncDispose]();
      using _ = withEnvironment(suite.environment(gone.url));
      const error = await failureOf(withHandler((request) => request(batch), { url: gone.url }));
      expect(error).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'retry' });
      expect(error.message).toContain('nothing listens there');
      // One whose model is asked what it is has none that could be loaded.
      const ended: unknown = await ask({ numRetries: 0 }, gone.url).catch((error: unknown) => error);
      if (!(ended instanceof ModelLoadError)) expect(ended).toMatchObject({ kind: 'failed', cause: 'fatal' });
    });
  });
}
