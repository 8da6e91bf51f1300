import { FabricError } from '../../errors.ts';
import { EndpointError } from './endpoint-error.ts';
import { MAX_RETRY_AFTER_MILLIS, retryAfterMillis } from '../flow/retry-after.ts';

/**
 * Meaning of a failed request: `throttled`: too many requests, retry later at no charge; `retry`: a retry may succeed;
 * `refused`: this batch will never succeed; `fatal`: no request will.
 */
export interface Judgement {
  readonly verdict: 'throttled' | 'retry' | 'refused' | 'fatal';
  /** True for a fatal one whose status (403, 404, 410) may also mean that only one element's resource is missing. */
  readonly mayBeElements?: boolean;
  readonly retryAfterMillis?: number;
}

type Verdict = Judgement['verdict'];

const VERDICTS = { throttle: 'throttled', retry: 'retry', poison: 'refused', fatal: 'fatal' } as const;

/** Names of errors in the AWS SDK and other client libraries; they are more precise than a status. */
const VERDICT_OF_NAME: Readonly<Record<Verdict, RegExp>> = {
  throttled:
    /^(Throttl(ing|ed)(Exception|Error)?|EC2ThrottledException|TooManyRequests(Exception|Error)?|ProvisionedThroughputExceededException|RequestThrottled(Exception)?|RequestLimitExceeded|LimitExceededException|ServiceQuotaExceededException|BandwidthLimitExceeded|SlowDown|RateLimit(Error|ExceededError)?)$/,
  retry:
    /^(ModelNotReadyException|ServiceUnavailable(Exception|Error)?|InternalServer(Exception|Error)|InternalFailure|InternalDependencyException|InternalStreamFailure|ModelTimeoutException|TimeoutError|RequestTimeout(Exception)?|APIConnection(Timeout)?Error|ConnectTimeoutError|HeadersTimeoutError|BodyTimeoutError|SocketError|AbortError|APIUserAbortError)$/,
  refused: /^(ValidationException|ValidationError|ModelError|ModelErrorException|BadRequestError)$/,
  fatal:
    /^(AccessDenied(Exception)?|UnrecognizedClientException|ResourceNotFoundException|CredentialsProviderError|TokenProviderError|InvalidSignatureException|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken(Exception)?|ExpiredToken(Exception)?|InvalidClientTokenId|OptInRequired|AuthenticationError|PermissionDeniedError)$/,
};

/** OpenAI's code for an account without credit. Its status is that of too many requests, but waiting does not help. */
const UNPAID = 'insufficient_quota';

/** Codes of Node and undici for connections that may succeed the next time. */
const NETWORK_CODE =
  /^(ECONN(REFUSED|RESET|ABORTED)|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|UND_ERR_(SOCKET|(CONNECT|HEADERS|BODY)_TIMEOUT)|ERR_HTTP2_.*)$/;
/** Codes of Node and OpenSSL for a certificate, which a retry does not change. */
const TLS_CODE =
  /^(CERT_.*|.*_CERT(_.*)?|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_.*|INVALID_CA|HOSTNAME_MISMATCH|ERR_TLS_.*|ERR_SSL_.*|EPROTO)$/;
/** Codes that mean that no server was reached. */
const CONNECT_CODE =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|UND_ERR_CONNECT_TIMEOUT)$/;

/** Judges any error of a request by the fields that the AWS SDK, Node and most client libraries set on their errors. */
export function judgeError(error: unknown): Judgement {
  if (error instanceof FabricError) {
    const { status, retryAfterMillis: wait } = error instanceof EndpointError ? error : {};
    return judgement(VERDICTS[error.disposition], { wait, mayBeElements: isOfMissing(status) });
  }
  for (const cause of causesOf(error)) {
    const verdict = verdictOf(cause);
    if (verdict === undefined) continue;
    return judgement(verdict, {
      wait: retryAfterOf(cause),
      mayBeElements: isOfMissing(statusOf(cause)) && !isNamed(cause),
    });
  }
  return { verdict: 'refused' };
}

/** Returns true if no server was reached. */
export function isUnreachable(error: unknown): boolean {
  for (const cause of causesOf(error)) {
    if (cause.name === 'EndpointUnreachableError') return true;
    if (typeof cause.code === 'string' && CONNECT_CODE.test(cause.code)) return true;
  }
  return false;
}

interface Particulars {
  readonly wait: number | undefined;
  readonly mayBeElements: boolean;
}

function judgement(verdict: Verdict, { wait, mayBeElements }: Particulars): Judgement {
  if (verdict === 'fatal' && mayBeElements) return { verdict, mayBeElements };
  // A handler may have computed it.
  if (wait === undefined || Number.isNaN(wait)) return { verdict };
  return { verdict, retryAfterMillis: Math.min(MAX_RETRY_AFTER_MILLIS, Math.max(0, wait)) };
}

/** Fields that an error may have. */
type Fields = Readonly<Record<string, unknown>>;

function verdictOf(error: Fields): Verdict | undefined {
  const status = statusOf(error);
  if (error.code === UNPAID) return 'fatal';
  if (status === 429 || fieldsOf(error.$retryable).throttling === true) return 'throttled';
  const byName = verdictOfName(error.name) ?? verdictOfName(error.code);
  if (byName !== undefined) return byName;
  if (typeof error.code === 'string' && TLS_CODE.test(error.code)) return 'fatal';
  if (typeof error.code === 'string' && NETWORK_CODE.test(error.code)) return 'retry';
  return status === undefined ? (error.$retryable === undefined ? undefined : 'retry') : verdictOfStatus(status);
}

function verdictOfName(name: unknown): Verdict | undefined {
  if (typeof name !== 'string') return undefined;
  for (const [verdict, names] of Object.entries(VERDICT_OF_NAME)) if (names.test(name)) return verdict as Verdict;
  return undefined;
}

/** Checks whether the error's name or code identifies the problem: credentials, or the endpoint itself. */
function isNamed({ name, code }: Fields): boolean {
  return verdictOfName(name) !== undefined || verdictOfName(code) !== undefined || code === UNPAID;
}

/** Checks whether a status means that a resource is missing or forbidden: the endpoint, or one an element names. */
function isOfMissing(status: number | undefined): boolean {
  return status === 403 || status === 404 || status === 410;
}

function verdictOfStatus(status: number): Verdict | undefined {
  if (status === 408 || status === 425 || status >= 500) return 'retry';
  if (status === 401 || isOfMissing(status)) return 'fatal';
  return status >= 400 ? 'refused' : undefined;
}

function statusOf(error: Fields): number | undefined {
  const given = [
    error.status,
    error.statusCode,
    fieldsOf(error.$metadata).httpStatusCode,
    fieldsOf(error.response).status,
    fieldsOf(error.response).statusCode,
  ];
  return given.find((status) => typeof status === 'number');
}

function retryAfterOf(error: Fields): number | undefined {
  for (const { headers } of [error, fieldsOf(error.response), fieldsOf(error.$response)]) {
    const value = headers instanceof Headers ? headers.get('retry-after') : headerIn(fieldsOf(headers));
    const wait = retryAfterMillis(value, Date.now());
    if (wait !== undefined) return wait;
  }
  return undefined;
}

function headerIn(headers: Fields): string | undefined {
  const [, value] = Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after') ?? [];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

/** Yields an error and its causes, from the outside in. */
function* causesOf(error: unknown): Generator<Fields> {
  const seen = new Set<unknown>();
  for (let cause = error; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
    seen.add(cause);
    yield cause as unknown as Fields;
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
