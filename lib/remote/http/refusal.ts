import type { Disposition } from '../../errors.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { retryAfterMillis } from '../flow/retry-after.ts';

/** An answer that is not a success. */
export interface Refusal {
  /** What messages call the endpoint. */
  readonly endpoint: string;
  readonly status: number;
  readonly headers: Headers;
  /** The body where it is JSON. */
  readonly body: unknown;
  /** What the server says, short and without our secrets; empty where it says nothing. */
  readonly words: string;
}

interface Meaning {
  readonly name: string;
  readonly disposition: Disposition;
  /** What comes after the endpoint's name. */
  readonly text: string;
}

/** The error that a refusal is, by its status. */
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
    return { name: 'EndpointThrottledError', disposition: 'throttle', text: 'takes no more requests now' };
  if (status >= 500 || status === 408 || status === 425)
    return { name: 'EndpointServerError', disposition: 'retry', text: 'failed to answer' };
  if (status === 401 || status === 407)
    return credentials(
      'does not know who asks: check the secret that it is given, and the header that it expects it in',
    );
  if (status === 403) return credentials('does not let these credentials use it: check what they are allowed');
  if (status === 402) return credentials('wants to be paid: check the account of these credentials');
  if (status === 404 || status === 405 || status === 410) {
    const text = "does not have what it was asked for: check the model's name and version, and the endpoint's path";
    return { name: 'EndpointModelError', disposition: 'fatal', text };
  }
  if (status >= 300 && status < 400) return redirected(headers);
  if (status === 413)
    return refused('finds the request too large: a lower maxBatchSize or maxBatchBytes makes them smaller');
  return refused('refused the request');
}

function refused(text: string): Meaning {
  return { name: 'EndpointRefusedError', disposition: 'poison', text };
}

function credentials(text: string): Meaning {
  return { name: 'EndpointCredentialsError', disposition: 'fatal', text };
}

/** Redirects are not followed: what is secret would go to a host that nobody named. */
function redirected(headers: Headers): Meaning {
  const target = URL.parse(headers.get('location') ?? '');
  const where = target === null ? 'elsewhere' : `to ${target.origin}`;
  const text = `redirects ${where}, where no request is sent after it: give the address that answers as the endpoint`;
  return { name: 'EndpointRedirectError', disposition: 'fatal', text };
}

/** `Retry-After`, or what Azure and OpenAI say more exactly. */
function waitOf(headers: Headers): number | undefined {
  const exact = headers.get('retry-after-ms');
  if (exact !== null && /^\d+(?:\.\d+)?$/.test(exact)) return Number(exact);
  return retryAfterMillis(headers.get('retry-after'), Date.now());
}
