import { FabricError } from '../errors.ts';

/** Names of the errors for a missing object or version; the last is of a HEAD, whose answer has no body. */
const MISSING = new Set(['NoSuchKey', 'NoSuchVersion', 'NotFound']);

/** Names of errors with status 400 for which the same request can succeed later. */
const TRANSIENT_NAMES = /throttl|slow_?down|timeout|RequestLimitExceeded|TooManyRequests|ServiceUnavailable|OverLimit/i;

/** Names of errors that request a slower pace. */
const THROTTLING_NAMES = /throttl|slow_?down|RequestLimitExceeded|TooManyRequests|ServiceUnavailable|OverLimit/i;

/** Codes of Node.js for a connection that could not be made, or broke. */
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

/** The parts of an AWS SDK error that identify it, for all clients. */
interface AwsFacts {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly status: number | undefined;
}

function factsOf(thrown: unknown): AwsFacts {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), code: undefined, status: undefined };
  const { name, message } = thrown;
  // The type of Error lacks the fields of the SDK's errors, and a network error does not have them.
  const { code, $metadata } = thrown as { code?: unknown; $metadata?: { readonly httpStatusCode?: number } };
  return { name, message, code: typeof code === 'string' ? code : undefined, status: $metadata?.httpStatusCode };
}

/** Returns true if the object or version does not exist; a version that is a delete marker answers 405. */
export function isMissing(thrown: unknown): boolean {
  const { name, status } = factsOf(thrown);
  return (status === 404 && MISSING.has(name)) || status === 405;
}

/** Returns true if the condition of a conditional request did not hold. */
export function isPreconditionFailed(thrown: unknown): boolean {
  return factsOf(thrown).status === 412;
}

/** Returns true if another write of the same object interfered: the request can be retried at once. */
export function isConflict(thrown: unknown): boolean {
  return factsOf(thrown).status === 409;
}

/** Returns true if a range is completely past the end of its object. */
export function isRangePastEnd(thrown: unknown): boolean {
  return factsOf(thrown).status === 416;
}

/** Returns true if a message was deleted or received again since, so that its receipt handle is invalid. */
export function isMessageGone(thrown: unknown): boolean {
  const { name, message } = factsOf(thrown);
  if (name === 'InvalidParameterValue') return /receipt ?handle/i.test(message);
  return name === 'ReceiptHandleIsInvalid' || name === 'MessageNotInflight';
}

/** Returns true if a request was throttled. The answer to a HEAD has only a status. */
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
 * @param action - the failed operation, such as `write s3://bucket/key`
 */
export function storeError(thrown: unknown, action: string): FabricError {
  if (thrown instanceof FabricError) return thrown;
  const facts = factsOf(thrown);
  const status = facts.status === undefined ? '' : ` (status ${facts.status})`;
  const message = `Cannot ${action}: ${facts.name}: ${facts.message}${status}`;
  if (facts.name === 'InvalidObjectState') return new FabricError('STORE_OBJECT_ARCHIVED', message, { cause: thrown });
  // The SDK's error at the end of content whose stored checksum differs.
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
  // An earlier try, whose answer was lost, completed the upload; the next put finds the object.
  if (name === 'NoSuchUpload') return true;
  // The SDK checks that the queue received the same bytes.
  if (message.startsWith('Invalid MD5 checksum')) return true;
  return TRANSIENT_NAMES.test(name) || name === 'AbortError' || (code !== undefined && TRANSIENT_CODES.has(code));
}
