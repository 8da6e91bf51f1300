/** What asks for more is a mistake of the endpoint's, or a quota of the day: worth another look after so long. */
export const MAX_RETRY_AFTER_MILLIS = 3_600_000;

/**
 * How long a `Retry-After` header (RFC 9110, section 10.2.3) asks to be left alone, in milliseconds from 0 to an hour:
 * seconds, or an HTTP date. Undefined where there is none that makes sense.
 *
 * @param now milliseconds since 1970; a server's own `Date` where its clock may be another
 */
export function retryAfterMillis(value: string | null | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return clamped(Number(text) * 1000);
  // Date.parse takes much that is no date of HTTP's, such as a bare or a negative number.
  if (!/^[A-Za-z]+,? .*\d\d:\d\d:\d\d/.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : clamped(date - now);
}

function clamped(millis: number): number {
  return Math.min(MAX_RETRY_AFTER_MILLIS, Math.max(0, millis));
}
