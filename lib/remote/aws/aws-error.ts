import { connectionError } from '../endpoint/connection-error.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { refusalError } from '../http/refusal.ts';
import { serverWords } from '../http/server-words.ts';

/** Error answer of an AWS service. */
export interface AwsRefusal {
  /** Name of the endpoint in messages. */
  readonly endpoint: string;
  /** Name of the service's exception. */
  readonly name: string;
  readonly status: number;
  readonly headers: Headers;
  /** Message of the service, shortened. */
  readonly words: string;
  /** The exception's other fields. */
  readonly fields: ReadonlyMap<string, unknown>;
}

/** Fields of the SDK's errors, if there was an answer. */
interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

/** Names that mean too many requests, whatever the status: SageMaker's has 400. From the SDK's list, and Bedrock's. */
const THROTTLED = new Set([
  'LimitExceededException',
  'RequestLimitExceeded',
  'ServiceQuotaExceededException',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

/** Names that mean invalid credentials, whatever the status. */
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

/** Names of exceptions whose messages quote the signed headers, which contain a session's token. */
const QUOTES_HEADERS = /Signature/;

/** Names that mean a wrong clock; the SDK corrects its own from the answer. */
const CLOCK_SKEW = new Set(['RequestExpired', 'RequestInTheFuture', 'RequestTimeTooSkewed']);

/** Statuses by which refusals are distinguished, for names that AWS sends with another status. */
const STATUS_OF_NAME = new Map([
  ...Array.from(THROTTLED, (name) => [name, 429] as const),
  ...Array.from(REFUSED_CREDENTIALS, (name) => [name, 401] as const),
  ...Array.from(CLOCK_SKEW, (name) => [name, 503] as const),
  ['AccessDenied', 403] as const,
  ['AccessDeniedException', 403] as const,
]);

/**
 * Converts an error of an AWS SDK client to an endpoint's error.
 *
 * @param endpoint - its name in messages
 * @param special - interprets refusals whose name and status are not enough
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
 * Returns the error of a successful answer that the SDK can't read: the connection was closed too early, or the server is
 * not AWS. Over HTTP/2 the SDK does not distinguish these.
 */
function unreadable(endpoint: string, thrown: unknown): EndpointError {
  if (codeOf(thrown) !== undefined) return connectionError(endpoint, underlying(thrown));
  return new EndpointError(`${endpoint} answered with a body that is not AWS's: check its address`, {
    name: 'EndpointProtocolError',
    disposition: 'retry',
  });
}

/** Returns the error of a refusal by its name and status, or by the status `as` that describes it better. */
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
  // The error for a body that the SDK can't read is a SyntaxError, which quotes the body.
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

/** Drops `:status`, which HTTP/2 lists among the headers. */
function headersOf(headers: Readonly<Record<string, string>> = {}): Headers {
  return new Headers(Object.entries(headers).filter(([name]) => !name.startsWith(':')));
}

function withoutAnswer(endpoint: string, thrown: unknown): EndpointError {
  const { name, message } = thrown instanceof Error ? thrown : { name: '', message: '' };
  if (/^(Credentials|Token)ProviderError$/.test(name)) {
    const text = `${endpoint} can't be called without AWS credentials: use a role, a profile or environment variables`;
    return new EndpointError(text, { name: 'EndpointCredentialsError', disposition: 'fatal', cause: thrown });
  }
  if (/region is missing/i.test(message)) {
    const text = `${endpoint} can't be reached: its Region is unknown: set AWS_REGION, or name the Region in the config`;
    return new EndpointError(text, { name: 'EndpointUnreachableError', disposition: 'fatal', cause: thrown });
  }
  return connectionError(endpoint, underlying(thrown));
}

/** Returns the cause of a cancelled HTTP/2 stream, which has the reason for the end of its session. */
function underlying(thrown: unknown): unknown {
  const isOfHttp2 = codeOf(thrown)?.startsWith('ERR_HTTP2') === true;
  return isOfHttp2 && thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
}

/** Returns Node's code of a failed connection. */
function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}
