import { type Disposition, FabricError, type FabricErrorOptions } from '../../errors.ts';

/** Options of an `EndpointError`. */
export interface EndpointErrorOptions extends FabricErrorOptions {
  /** Name in error lines. @default 'EndpointError' */
  readonly name?: string;
  /** HTTP status of the answer, if there was one. */
  readonly status?: number;
  /** Time for which the endpoint asks not to be called, in milliseconds. */
  readonly retryAfterMillis?: number;
}

/**
 * An endpoint did not answer a request, or not with predictions. The disposition is the reaction: `throttle` waits, at no
 * charge to the elements; `retry` tries again; `poison` fails the elements; `fatal` ends the run.
 *
 * A message names the endpoint and never contains a secret or a payload.
 */
export class EndpointError extends FabricError {
  override readonly name: string;
  readonly status: number | undefined;
  readonly retryAfterMillis: number | undefined;

  constructor(message: string, options: EndpointErrorOptions & { readonly disposition: Disposition }) {
    super('ENDPOINT_FAILED', message, options);
    this.name = options.name ?? 'EndpointError';
    this.status = options.status;
    this.retryAfterMillis = options.retryAfterMillis;
  }
}

/** The endpoint throttled an element for as long as its handler's `maxThrottledSecs` allows. */
export class ThrottledTooLongError extends EndpointError {
  constructor(endpoint: string, maxThrottledSecs: number) {
    const message = `${endpoint} has throttled this element for maxThrottledSecs (${maxThrottledSecs} s): raise it, or lower the load`;
    super(message, { name: 'EndpointThrottledError', disposition: 'poison' });
  }
}

/**
 * A request would have to wait longer than its bundle can: the bundle is requeued with a delay of `retryAfterMillis`.
 */
export class EndpointBusyError extends FabricError {
  override readonly name = 'EndpointBusyError';
  readonly retryAfterMillis: number;
  constructor(endpoint: string, retryAfterMillis: number) {
    const secs = Math.ceil(retryAfterMillis / 1000);
    super('ENDPOINT_BUSY', `${endpoint} accepts no requests for the next ${secs} s`, { disposition: 'throttle' });
    this.retryAfterMillis = retryAfterMillis;
  }
}
