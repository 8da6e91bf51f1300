import { describe, expect, test } from 'vitest';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { HttpClient } from '../../../lib/remote/http/http-client.ts';
import { KEY, answering, asJson, failure, serving } from './client-of-wine.ts';

describe('a status says what is done', () => {
  test.for([
    [400, 'EndpointRefusedError', 'poison'],
    [401, 'EndpointCredentialsError', 'fatal'],
    [402, 'EndpointCredentialsError', 'fatal'],
    [403, 'EndpointCredentialsError', 'fatal'],
    [404, 'EndpointModelError', 'fatal'],
    [408, 'EndpointServerError', 'retry'],
    [413, 'EndpointRefusedError', 'poison'],
    [422, 'EndpointRefusedError', 'poison'],
    [429, 'EndpointThrottledError', 'throttle'],
    [500, 'EndpointServerError', 'retry'],
    [503, 'EndpointServerError', 'retry'],
    [529, 'EndpointServerError', 'retry'],
  ] as const)('%i is %s: %s', async ([status, name, disposition]) => {
    await using server = await answering(status, '{}');
    const error = await failure(server.url);
    expect(error).toMatchObject({ name, disposition, status });
    expect(error.message).toContain(String(status));
  });

  test.for([429, 503])('%i may say how long to wait, in seconds, as a date, or in milliseconds', async (status) => {
    const wait = async (headers: Record<string, string>): Promise<number | undefined> => {
      await using server = await answering(status, '', headers);
      return (await failure(server.url)).retryAfterMillis;
    };
    expect(await wait({})).toBeUndefined();
    expect(await wait({ 'retry-after': '7' })).toBe(7000);
    expect(await wait({ 'retry-after': '7', 'retry-after-ms': '250' })).toBe(250);
    const date = await wait({ 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() });
    expect(date).toBeGreaterThan(3_500_000);
    expect(date).toBeLessThanOrEqual(3_600_000);
  });

  test('a redirect is not followed, and nothing secret goes along it', async () => {
    let asked = 0;
    await using other = await serving((_, response) => {
      asked += 1;
      response.end('{}');
    });
    await using server = await answering(307, '', { location: `${other.url}/login?key=${KEY}` });
    const error = await failure(server.url);
    expect(error).toMatchObject({ name: 'EndpointRedirectError', disposition: 'fatal' });
    expect(error.message).toContain(other.url);
    expect(asked).toBe(0);
  });

  test('a handler may know better', async () => {
    await using server = await answering(429, '{"error":{"code":"insufficient_quota","message":"pay"}}');
    const client = new HttpClient({
      url: server.url,
      refusalError: ({ status, body, words }) =>
        new EndpointError(`${status} ${words} ${JSON.stringify(body)}`, { disposition: 'fatal' }),
    });
    await expect(client.get('', asJson)).rejects.toThrow(
      '429 pay {"error":{"code":"insufficient_quota","message":"pay"}}',
    );
  });
});
