import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';

export function failure(
  status: number,
  disposition: 'throttle' | 'retry' | 'poison' | 'fatal',
  retryAfterMillis?: number,
) {
  const wait = retryAfterMillis === undefined ? {} : { retryAfterMillis };
  return new EndpointError(`wine failed (HTTP ${status})`, { status, disposition, ...wait });
}

export const THROTTLED = failure(429, 'throttle');

export const DOWN = failure(503, 'retry');

export const REFUSED = failure(400, 'poison');

export const UNREACHABLE = new EndpointError("wine can't be reached", {
  name: 'EndpointUnreachableError',
  disposition: 'retry',
});

export function values(...numbers: number[]) {
  return numbers.map((value) => ({ ok: true, value }));
}
