import { connectionError } from '../endpoint/connection-error.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { refusalError } from '../http/refusal.ts';
import { serverWords } from '../http/server-words.ts';

/** What a service of AWS answered instead of a result. */
export interface AwsRefusal {
  /** What messages call what was asked. */
  readonly endpoint: string;
  /** The exception's name, as the service has it. */
  readonly name: string;
  readonly status: number;
  readonly headers: Headers;
  /** What the service says, short. */
  readonly words: string;
  /** The exception's other fields. */
  readonly fields: ReadonlyMap<string, unknown>;
}

/** What the SDK hangs on its errors, where there was an answer. */
interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

/** Too many requests, whatever the status: SageMaker's has 400. From the SDK's own list, and Bedrock's "resubmit later". */
const THROTTLED = new Set([
  'LimitExceededException',
  'RequestLimitExceeded',
  'ServiceQuotaExceededException',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

/** Credentials that AWS does not take, whatever the status. */
const REFUSED_CREDENTIALS = new Set([
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);

/** Those whose messages quote the headers that were signed, a session's token among them. */
const QUOTES_HEADERS = /Signature/;

/** Signed with a clock that is off; the SDK corrects its own by the answer. */
const CLOCK_SKEW = new Set(['RequestExpired', 'RequestInTheFuture', 'RequestTimeTooSkewed']);

/** What is told apart by status, for a name that AWS gives another one. */
const STATUS_OF_NAME = new Map([
  ...Array.from(THROTTLED, (name) => [name, 429] as const),
  ...Array.from(REFUSED_CREDENTIALS, (name) => [name, 401] as const),
  ...Array.from(CLOCK_SKEW, (name) => [name, 503] as const),
  ['AccessDenied', 403] as const,
  ['AccessDeniedException', 403] as const,
]);

/**
 * What a client of the AWS SDK rejected with, as an endpoint's error.
 *
 * @param endpoint - what messages call what was asked
 * @param special - what a refusal means to its service, where name and status do not say enough
 */
export function awsError(
  endpoint: string,
  thrown: unknown,
  special?: (refusal: AwsRefusal) => EndpointError | undefined,
): EndpointError {
  if (thrown instanceof EndpointError) return thrown;
  const refusal = refusalOf(endpoint, thrown);
  if (refusal === undefined) return withoutAnswer(endpoint, thrown);
  return special?.(refusal) ?? (refusal.status < 300 ? unreadable(endpoint, thrown) : awsRefusalError(refusal));
}

/**
 * A success that the SDK can't read: the connection broke before its end, or it is of something else than AWS. Over HTTP/2
 * the SDK does not tell these apart.
 */
function unreadable(endpoint: string, thrown: unknown): EndpointError {
  if (codeOf(thrown) !== undefined) return connectionError(endpoint, underlying(thrown));
  return new EndpointError(`${endpoint} answered with a body that is not what AWS has: check its address`, {
    name: 'EndpointProtocolError',
    disposition: 'retry',
  });
}

/** The error of a refusal by its name and status, or by another status that says what it means. */
export function awsRefusalError(refusal: AwsRefusal, as?: number): EndpointError {
  const { endpoint, name, status, headers, words } = refusal;
  const said = [name, words].filter((part) => part !== '').join(': ');
  return refusalError({
    endpoint,
    status: as ?? STATUS_OF_NAME.get(name) ?? status,
    headers,
    body: undefined,
    words: said,
  });
}

function refusalOf(endpoint: string, thrown: unknown): AwsRefusal | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { name, message, $metadata, $response } = thrown as SdkError;
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  if (status === undefined) return undefined;
  // A body that the SDK can't read makes a SyntaxError, which quotes it.
  const isRead = '$fault' in thrown;
  return {
    endpoint,
    name: isRead ? name : '',
    status,
    headers: headersOf($response?.headers),
    words: isRead && !QUOTES_HEADERS.test(name) ? serverWords(message, (words) => words) : '',
    fields: new Map(Object.entries(thrown)),
  };
}

/** HTTP/2 has its status among them, as `:status`, which is none. */
function headersOf(headers: Readonly<Record<string, string>> = {}): Headers {
  return new Headers(Object.entries(headers).filter(([name]) => !name.startsWith(':')));
}

function withoutAnswer(endpoint: string, thrown: unknown): EndpointError {
  const { name, message } = thrown instanceof Error ? thrown : { name: '', message: '' };
  if (/^(Credentials|Token)ProviderError$/.test(name)) {
    const text = `${endpoint} can't be asked without AWS credentials, and there are none here: give a role, a profile, or variables of the environment`;
    return new EndpointError(text, { name: 'EndpointCredentialsError', disposition: 'fatal', cause: thrown });
  }
  if (/region is missing/i.test(message)) {
    const text = `${endpoint} can't be reached: its region is not known; name it, or set AWS_REGION`;
    return new EndpointError(text, { name: 'EndpointUnreachableError', disposition: 'fatal', cause: thrown });
  }
  return connectionError(endpoint, underlying(thrown));
}

/** HTTP/2 says that a stream was cancelled; why its session has ended is the cause. */
function underlying(thrown: unknown): unknown {
  const isOfHttp2 = codeOf(thrown)?.startsWith('ERR_HTTP2') === true;
  return isOfHttp2 && thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
}

/** What Node calls a failure of a connection. */
function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}
