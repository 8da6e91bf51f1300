/** Maximum wait. A longer `Retry-After` is a mistake of the endpoint or a daily quota; the endpoint is tried again sooner. */
export const MAX_RETRY_AFTER_MILLIS = 3_600_000;

/**
 * Returns the wait that a `Retry-After` header (RFC 9110, section 10.2.3) asks for, in milliseconds from 0 to an hour. The
 * header contains seconds or an HTTP date. Returns undefined if there is no valid header.
 *
 * @param now milliseconds since 1970; the server's `Date` if its clock may differ
 */
export function retryAfterMillis(value: string | null | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return clamped(Number(text) * 1000);
  // Date.parse accepts much that is not an HTTP date, such as a bare or a negative number.
  if (!/^[A-Za-z]+,? .*\d\d:\d\d:\d\d/.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : clamped(date - now);
}

function clamped(millis: number): number {
  return Math.min(MAX_RETRY_AFTER_MILLIS, Math.max(0, millis));
}
