import { FabricError } from '../errors.ts';

/** What the answers that mean "not there" are called: of an object, of a version, and where a HEAD has no body to name it. */
const MISSING = new Set(['NoSuchKey', 'NoSuchVersion', 'NotFound']);

/** Refusals that come with a status of 400 although the same request may do later. */
const TRANSIENT_NAMES = /throttl|slow_?down|timeout|RequestLimitExceeded|TooManyRequests|ServiceUnavailable|OverLimit/i;

/** Names of refusals that ask for a slower pace. */
const THROTTLING_NAMES = /throttl|slow_?down|RequestLimitExceeded|TooManyRequests|ServiceUnavailable|OverLimit/i;

/** What Node says where a connection could not be made, or broke. */
const TRANSIENT_CODES = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
]);

/** The parts of an AWS SDK error that say what happened, whichever client threw it. */
interface AwsFacts {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly status: number | undefined;
}

function factsOf(thrown: unknown): AwsFacts {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), code: undefined, status: undefined };
  const { name, message } = thrown;
  // What the SDK adds to its errors is not in the type of Error, and a network error has none of it.
  const { code, $metadata } = thrown as { code?: unknown; $metadata?: { readonly httpStatusCode?: number } };
  return { name, message, code: typeof code === 'string' ? code : undefined, status: $metadata?.httpStatusCode };
}

/** Whether there is no such object or version; a version that is a delete marker answers 405. */
export function isMissing(thrown: unknown): boolean {
  const { name, status } = factsOf(thrown);
  return (status === 404 && MISSING.has(name)) || status === 405;
}

/** Whether the condition of a conditional request did not hold. */
export function isPreconditionFailed(thrown: unknown): boolean {
  return factsOf(thrown).status === 412;
}

/** Whether another write of the same object came in between: the request may be made again at once. */
export function isConflict(thrown: unknown): boolean {
  return factsOf(thrown).status === 409;
}

/** Whether a range lies wholly past the end of its object. */
export function isRangePastEnd(thrown: unknown): boolean {
  return factsOf(thrown).status === 416;
}

/** Whether a message was deleted, or came to another receiver meanwhile, so that its receipt handle is worth nothing. */
export function isMessageGone(thrown: unknown): boolean {
  const { name, message } = factsOf(thrown);
  if (name === 'InvalidParameterValue') return /receipt ?handle/i.test(message);
  return name === 'ReceiptHandleIsInvalid' || name === 'MessageNotInflight';
}

/** Returns whether a request was refused because there are too many: the answer to a HEAD has a status alone. */
export function isThrottled(thrown: unknown): boolean {
  if (thrown instanceof FabricError) return thrown.code === 'STORE_THROTTLED';
  const { name, status } = factsOf(thrown);
  return status === 503 || status === 429 || THROTTLING_NAMES.test(name);
}

/**
 * Translates an AWS SDK error: after `STORE_UNAVAILABLE` a request can succeed later, after `STORE_THROTTLED` at a slower
 * pace, after `STORE_OBJECT_ARCHIVED` when the object is restored, and after `STORE_REFUSED` never. After
 * `STORE_CONTENT_CORRUPT` the object has to be read again.
 *
 * @param action what could not be done, such as `write s3://bucket/key`
 */
export function storeError(thrown: unknown, action: string): FabricError {
  if (thrown instanceof FabricError) return thrown;
  const facts = factsOf(thrown);
  const status = facts.status === undefined ? '' : ` (status ${facts.status})`;
  const message = `Cannot ${action}: ${facts.name}: ${facts.message}${status}`;
  if (facts.name === 'InvalidObjectState') return new FabricError('STORE_OBJECT_ARCHIVED', message, { cause: thrown });
  // What the SDK finds at the end of content of which the store keeps a checksum.
  if (facts.message.startsWith('Checksum mismatch')) {
    return new FabricError('STORE_CONTENT_CORRUPT', message, { cause: thrown, disposition: 'retry' });
  }
  if (isThrottled(thrown))
    return new FabricError('STORE_THROTTLED', message, { cause: thrown, disposition: 'throttle' });
  return isTransient(facts)
    ? new FabricError('STORE_UNAVAILABLE', message, { cause: thrown, disposition: 'retry' })
    : new FabricError('STORE_REFUSED', message, { cause: thrown, disposition: 'fatal' });
}

function isTransient({ name, message, code, status }: AwsFacts): boolean {
  if (status !== undefined && (status >= 500 || status === 429 || status === 409)) return true;
  // An upload that was completed by a try whose answer was lost; the next put finds out what there is.
  if (name === 'NoSuchUpload') return true;
  // The SDK checks that a queue got what was sent.
  if (message.startsWith('Invalid MD5 checksum')) return true;
  return TRANSIENT_NAMES.test(name) || name === 'AbortError' || (code !== undefined && TRANSIENT_CODES.has(code));
}
