import type { Disposition } from '../../errors.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { retryAfterMillis } from '../flow/retry-after.ts';

/** An answer that is not a success. */
export interface Refusal {
  /** Name of the endpoint in messages. */
  readonly endpoint: string;
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body, if it is JSON. */
  readonly body: unknown;
  /** The server's own message, short and without secrets of the config; may be empty. */
  readonly words: string;
}

interface Meaning {
  readonly name: string;
  readonly disposition: Disposition;
  /** Message after the endpoint's name. */
  readonly text: string;
}

/** Returns the error of a refusal by its status. */
export function refusalError(refusal: Refusal): EndpointError {
  const { endpoint, status, headers, words } = refusal;
  const { name, disposition, text } = meaningOf(refusal);
  const said = words === '' ? '' : `: ${words}`;
  const wait = waitOf(headers);
  return new EndpointError(`${endpoint} ${text} (HTTP ${status})${said}`, {
    name,
    disposition,
    status,
    ...(wait === undefined ? {} : { retryAfterMillis: wait }),
  });
}

function meaningOf({ status, headers }: Refusal): Meaning {
  if (status === 429)
    return { name: 'EndpointThrottledError', disposition: 'throttle', text: 'accepts no more requests now' };
  if (status >= 500 || status === 408 || status === 425)
    return { name: 'EndpointServerError', disposition: 'retry', text: 'failed to answer' };
  if (status === 401 || status === 407)
    return credentials(
      'did not accept the credentials: check the secret, and the header in which the endpoint expects it',
    );
  if (status === 403) return credentials('does not allow these credentials to use it: check their permissions');
  if (status === 402) return credentials('requires payment: check the account of these credentials');
  if (status === 404 || status === 405 || status === 410) {
    const text = "does not have the requested resource: check the model's name and version, and the endpoint's path";
    return { name: 'EndpointModelError', disposition: 'fatal', text };
  }
  if (status >= 300 && status < 400) return redirected(headers);
  if (status === 413) return refused('refused a request that is too large: lower maxBatchSize or maxBatchBytes');
  return refused('refused the request');
}

function refused(text: string): Meaning {
  return { name: 'EndpointRefusedError', disposition: 'poison', text };
}

function credentials(text: string): Meaning {
  return { name: 'EndpointCredentialsError', disposition: 'fatal', text };
}

/** Redirects are not followed: secrets would go to a host that the config does not name. */
function redirected(headers: Headers): Meaning {
  const target = URL.parse(headers.get('location') ?? '');
  const where = target === null ? 'elsewhere' : `to ${target.origin}`;
  const text = `redirects ${where}, and redirects are not followed: set the final address as the endpoint`;
  return { name: 'EndpointRedirectError', disposition: 'fatal', text };
}

/** Returns the wait of `Retry-After`, or of the more precise header of Azure and OpenAI. */
function waitOf(headers: Headers): number | undefined {
  const exact = headers.get('retry-after-ms');
  if (exact !== null && /^\d+(?:\.\d+)?$/.test(exact)) return Number(exact);
  return retryAfterMillis(headers.get('retry-after'), Date.now());
}
