import { describe, expect, test } from 'vitest';
import { FabricError } from '../../../lib/errors.ts';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { isUnreachable, judgeError } from '../../../lib/remote/endpoint/judge-error.ts';

function errorWith(fields: object, cause?: unknown): Error {
  return Object.assign(new Error('it failed', { cause }), fields);
}

describe('judgeError', () => {
  test.each([
    ['throttle', 'throttled'],
    ['retry', 'retry'],
    ['poison', 'refused'],
    ['fatal', 'fatal'],
  ] as const)("a fabric's own error says it itself: %s is %s", (disposition, verdict) => {
    expect(judgeError(new FabricError('X', 'x', { disposition }))).toEqual({ verdict });
    const error = new EndpointError('x', { disposition, retryAfterMillis: 1500 });
    expect(judgeError(error)).toEqual({ verdict, retryAfterMillis: 1500 });
  });

  test.each([
    [429, 'throttled'],
    [408, 'retry'],
    [500, 'retry'],
    [502, 'retry'],
    [503, 'retry'],
    [529, 'retry'],
    [401, 'fatal'],
    [400, 'refused'],
    [413, 'refused'],
    [422, 'refused'],
  ])('status %i is %s, wherever a library puts it', (status, verdict) => {
    const places = [
      { status },
      { statusCode: status },
      { $metadata: { httpStatusCode: status } },
      { response: { status } },
    ];
    for (const fields of places) expect(judgeError(errorWith(fields))).toEqual({ verdict });
  });

  test.each([403, 404, 410])('status %i is fatal, or an answer for single elements', (status) => {
    const verdict = { verdict: 'fatal', mayBeElements: true };
    for (const fields of [{ status }, { $metadata: { httpStatusCode: status } }, { response: { status } }])
      expect(judgeError(errorWith(fields))).toEqual(verdict);
    expect(judgeError(new EndpointError('x', { status, disposition: 'fatal' }))).toEqual(verdict);
  });

  test.each([
    ['ThrottlingException', 400, 'throttled'],
    ['TooManyRequestsException', 400, 'throttled'],
    ['ProvisionedThroughputExceededException', 400, 'throttled'],
    ['LimitExceededException', 400, 'throttled'],
    ['ModelNotReadyException', 429, 'throttled'],
    ['ModelNotReadyException', 424, 'retry'],
    ['ServiceUnavailable', 503, 'retry'],
    ['ServiceUnavailableException', 503, 'retry'],
    ['InternalServerException', 500, 'retry'],
    ['InternalFailure', 500, 'retry'],
    ['ModelTimeoutException', 408, 'retry'],
    ['ModelErrorException', 424, 'refused'],
    ['ValidationException', 400, 'refused'],
    ['AccessDeniedException', 403, 'fatal'],
    ['AccessDeniedException', 400, 'fatal'],
    ['UnrecognizedClientException', 400, 'fatal'],
    ['ResourceNotFoundException', 404, 'fatal'],
    ['ServiceQuotaExceededException', 400, 'throttled'],
    ['ExpiredTokenException', 400, 'fatal'],
  ])("the AWS SDK's %s (%i) is %s", (name, httpStatusCode, verdict) => {
    expect(judgeError(errorWith({ name, $metadata: { httpStatusCode } }))).toEqual({ verdict });
  });

  test("the AWS SDK's own flags count", () => {
    expect(judgeError(errorWith({ name: 'Odd', $retryable: { throttling: true } }))).toEqual({ verdict: 'throttled' });
    expect(judgeError(errorWith({ name: 'Odd', $retryable: {} }))).toEqual({ verdict: 'retry' });
    expect(judgeError(errorWith({ name: 'CredentialsProviderError', tryNextLink: false }))).toEqual({
      verdict: 'fatal',
    });
  });

  test.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EPIPE',
    'ETIMEDOUT',
    'UND_ERR_SOCKET',
    'UND_ERR_HEADERS_TIMEOUT',
  ])('a connection that fails may come about another time: %s, also where it is the cause', (code) => {
    expect(judgeError(errorWith({ code }))).toEqual({ verdict: 'retry' });
    const fetchFailed = Object.assign(new TypeError('fetch failed', { cause: errorWith({ code }) }));
    expect(judgeError(fetchFailed)).toEqual({ verdict: 'retry' });
  });

  test.each([
    'CERT_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'EPROTO',
  ])('a certificate is no other the next time: %s', (code) =>
    expect(judgeError(new TypeError('fetch failed', { cause: errorWith({ code }) }))).toEqual({ verdict: 'fatal' }),
  );

  test('what a client gave up may come about another time', () => {
    expect(judgeError(new DOMException('x', 'TimeoutError'))).toEqual({ verdict: 'retry' });
    expect(judgeError(new DOMException('x', 'AbortError'))).toEqual({ verdict: 'retry' });
  });

  test('Retry-After is found in the headers that libraries keep', () => {
    const places = [
      { status: 429, headers: new Headers({ 'Retry-After': '7' }) },
      { status: 429, headers: { 'Retry-After': '7' } },
      { response: { status: 429, headers: { 'retry-after': 7 } } },
      { $metadata: { httpStatusCode: 429 }, $response: { headers: { 'retry-after': '7' } } },
    ];
    for (const fields of places)
      expect(judgeError(errorWith(fields))).toEqual({ verdict: 'throttled', retryAfterMillis: 7000 });
  });

  test('an account that can not pay is not one that asks too often', () => {
    expect(judgeError(errorWith({ status: 429, code: 'insufficient_quota' }))).toEqual({ verdict: 'fatal' });
  });

  test.each([
    [NaN, undefined],
    [-5, 0],
    [Infinity, 3_600_000],
    [1e300, 3_600_000],
  ])('a handler that asks for a wait of %s milliseconds gets %s', (retryAfterMillis, wait) => {
    const error = new EndpointError('x', { disposition: 'throttle', retryAfterMillis });
    expect(judgeError(error).retryAfterMillis).toBe(wait);
  });

  test('what says nothing is laid to the batch', () => {
    const circular = errorWith({});
    circular.cause = circular;
    for (const thrown of [new Error('x'), new TypeError('x'), 'x', undefined, null, 7, { status: 500 }, circular])
      expect(judgeError(thrown)).toEqual({ verdict: 'refused' });
  });
});

describe('isUnreachable', () => {
  test('is what no server answered, and nothing else', () => {
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH'])
      expect(isUnreachable(new TypeError('fetch failed', { cause: errorWith({ code }) }))).toBe(true);
    expect(isUnreachable(new EndpointError('x', { name: 'EndpointUnreachableError', disposition: 'retry' }))).toBe(
      true,
    );
    for (const fields of [{ code: 'ECONNRESET' }, { status: 503 }, {}])
      expect(isUnreachable(errorWith(fields))).toBe(false);
  });
});
