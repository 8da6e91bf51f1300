import { EndpointError } from '../endpoint/endpoint-error.ts';
import { type Refusal, refusalError } from '../http/refusal.ts';
import { fieldsOf } from './fields.ts';

/** An account that can't pay is refused with the status of too many requests, or of a wrong one; waiting changes nothing. */
const UNPAID = new Set([
  'insufficient_quota',
  'billing_hard_limit_reached',
  'billing_not_active',
  'account_deactivated',
]);
const UNKNOWN_MODEL = new Set(['model_not_found', 'invalid_model', 'DeploymentNotFound']);

/** A limit is full again only when all of it is; there is room for a request long before. */
const MAX_RESET_MILLIS = 60_000;

/**
 * What a refusal of an OpenAI-compatible server means beyond its status.
 * https://platform.openai.com/docs/guides/error-codes
 */
export function openAIRefusal(refusal: Refusal): EndpointError | undefined {
  const { endpoint, status, headers, body, words } = refusal;
  const { code, type } = errorIn(body);
  if (UNPAID.has(code) || UNPAID.has(type)) {
    const text = `${endpoint} takes no more requests of this account until its quota is raised or its bill paid (HTTP ${status}): ${words}`;
    return new EndpointError(text, { name: 'EndpointCredentialsError', disposition: 'fatal', status });
  }
  // More tokens than the limit of a minute: there is never room for it, whatever the status says.
  if (status === 429 && /^request too large/i.test(words)) return refusalError({ ...refusal, status: 413 });
  if (UNKNOWN_MODEL.has(code)) return refusalError({ ...refusal, status: 404 });
  // It quotes the beginning and the end of the key.
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
 * When there is room again, by the limits of which nothing remains.
 * https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
 */
function resetMillis(headers: Headers): number | undefined {
  const waits = ['requests', 'tokens']
    .filter((limit) => headers.get(`x-ratelimit-remaining-${limit}`) === '0')
    .flatMap((limit) => durationMillis(headers.get(`x-ratelimit-reset-${limit}`)) ?? []);
  return waits.length === 0 ? undefined : Math.min(MAX_RESET_MILLIS, Math.max(...waits));
}

const MILLIS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `6m0s`, `1.5s`, `20ms`: Go's durations. */
function durationMillis(text: string | null): number | undefined {
  if (text === null || !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  let millis = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) {
    millis += Number(number) * MILLIS[unit as keyof typeof MILLIS]; // As matched.
  }
  return millis;
}

/** `{"error": {"code", "type"}}`; of other servers, `{"code", "type"}`. */
function errorIn(body: unknown): { readonly code: string; readonly type: string } {
  const fields = fieldsOf(body);
  const { code, type } = 'error' in fields ? fieldsOf(fields['error']) : fields;
  return { code: typeof code === 'string' ? code : '', type: typeof type === 'string' ? type : '' };
}
