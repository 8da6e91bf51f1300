/**
 * Known quota of the whole fleet: requests, weight, or both, per second or minute. Weight is the sum of the elements'
 * `elementSizeFn`, such as tokens.
 */
export interface RateLimit {
  readonly requests?: number;
  readonly weight?: number;
  readonly per: 'second' | 'minute';
}

/** @throws RangeError, TypeError where a limit breaks its rule. */
export function checkRateLimits(limits: readonly RateLimit[], handler: string): readonly RateLimit[] {
  for (const { requests, weight, per } of limits) {
    if (requests === undefined && weight === undefined) {
      throw new TypeError(`Cannot create ${handler} as each of 'rateLimits' must have 'requests' or 'weight'`);
    }
    for (const [name, value] of Object.entries({ requests, weight })) {
      if (value === undefined || (Number.isFinite(value) && value > 0)) continue;
      throw new RangeError(
        `Cannot create ${handler} as '${name}' of 'rateLimits' must be a positive number: current value is ${value}`,
      );
    }
    if (per !== 'second' && per !== 'minute') {
      throw new TypeError(
        `Cannot create ${handler} as 'per' of 'rateLimits' must be 'second' or 'minute': current value is ${String(per)}`,
      );
    }
  }
  return limits;
}
