import { EndpointError } from '../endpoint/endpoint-error.ts';
import { type Refusal, refusalError } from '../http/refusal.ts';
import { fieldsOf } from './fields.ts';

/** Codes for an account without credit, whatever the status. Waiting does not help. */
const UNPAID = new Set([
  'insufficient_quota',
  'billing_hard_limit_reached',
  'billing_not_active',
  'account_deactivated',
]);
const UNKNOWN_MODEL = new Set(['model_not_found', 'invalid_model', 'DeploymentNotFound']);

/** Maximum wait. A limit is reset only when all of it is available again; a request can succeed much earlier. */
const MAX_RESET_MILLIS = 60_000;

/**
 * Interprets a refusal of an OpenAI-compatible server, whose code may be more precise than its status.
 * https://platform.openai.com/docs/guides/error-codes
 */
export function openAIRefusal(refusal: Refusal): EndpointError | undefined {
  const { endpoint, status, headers, body, words } = refusal;
  const { code, type } = errorIn(body);
  if (UNPAID.has(code) || UNPAID.has(type)) {
    const text = `${endpoint} accepts no more requests of this account until its quota is raised or its bill is paid (HTTP ${status}): ${words}`;
    return new EndpointError(text, { name: 'EndpointCredentialsError', disposition: 'fatal', status });
  }
  // The request has more tokens than the limit per minute, so it can never succeed, whatever the status.
  if (status === 429 && /^request too large/i.test(words)) return refusalError({ ...refusal, status: 413 });
  if (UNKNOWN_MODEL.has(code)) return refusalError({ ...refusal, status: 404 });
  // The message quotes the beginning and the end of the key.
  if (status === 401) return refusalError({ ...refusal, words: '' });
  if (status !== 429) return undefined;
  const error = refusalError(refusal);
  const wait = error.retryAfterMillis ?? resetMillis(headers);
  if (wait === undefined) return error;
  const { message, name, disposition } = error;
  return new EndpointError(message, { name, disposition, status, retryAfterMillis: wait });
}

/** Interprets a refusal if each element names its model: an unknown model is the failure of its element. */
export function openAIElementRefusal(refusal: Refusal): EndpointError | undefined {
  const { endpoint, status, body, words } = refusal;
  const { code } = errorIn(body);
  // A 404 with a proxy's page has another meaning: the server provides no models.
  const isModel = UNKNOWN_MODEL.has(code) || (status === 404 && typeof body === 'object' && body !== null);
  if (!isModel) return openAIRefusal(refusal);
  const text = `${endpoint} does not have the model that the element names (HTTP ${status}): ${words}`;
  return new EndpointError(text, { name: 'EndpointModelError', disposition: 'poison', status });
}

/**
 * Returns the time until the limits that are used up are reset.
 * https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
 */
function resetMillis(headers: Headers): number | undefined {
  const waits = ['requests', 'tokens']
    .filter((limit) => headers.get(`x-ratelimit-remaining-${limit}`) === '0')
    .flatMap((limit) => durationMillis(headers.get(`x-ratelimit-reset-${limit}`)) ?? []);
  return waits.length === 0 ? undefined : Math.min(MAX_RESET_MILLIS, Math.max(...waits));
}

const MILLIS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Parses a duration of Go: `6m0s`, `1.5s`, `20ms`. */
function durationMillis(text: string | null): number | undefined {
  if (text === null || !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  let millis = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) {
    millis += Number(number) * MILLIS[unit as keyof typeof MILLIS]; // As matched.
  }
  return millis;
}

/** Returns code and type of `{"error": {"code", "type"}}`; other servers send `{"code", "type"}`. */
function errorIn(body: unknown): { readonly code: string; readonly type: string } {
  const fields = fieldsOf(body);
  const { code, type } = 'error' in fields ? fieldsOf(fields['error']) : fields;
  return { code: typeof code === 'string' ? code : '', type: typeof type === 'string' ? type : '' };
}
