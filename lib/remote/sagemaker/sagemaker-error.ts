import { type AwsRefusal, awsRefusalError } from '../aws/aws-error.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { serverWords } from '../http/server-words.ts';

/** Wait for a model that is being loaded, which takes seconds to minutes. */
const NOT_READY_MILLIS = 5_000;

/**
 * Interprets the exceptions of InvokeEndpoint.
 * https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
 */
export function sageMakerError(refusal: AwsRefusal): EndpointError | undefined {
  const { endpoint, name, status, words } = refusal;
  if (name === 'ModelError') return modelError(refusal);
  if (name === 'ModelNotReadyException') {
    const text = `${endpoint} is still loading its model (HTTP ${status})`;
    const retry = { status, disposition: 'retry', retryAfterMillis: NOT_READY_MILLIS } as const;
    return new EndpointError(text, { ...retry, name: 'EndpointServerError' });
  }
  // There is no specific exception for an endpoint that does not exist; its status is 400.
  const isUnknown = name.startsWith('Validation') && /(endpoint|component|variant|model) .*\bnot found/i.test(words);
  return isUnknown ? awsRefusalError(refusal, 404) : undefined;
}

/** Returns the error of a container, by the container's own status. */
function modelError(refusal: AwsRefusal): EndpointError {
  const { fields } = refusal;
  const own = fields.get('OriginalStatusCode');
  const message = fields.get('OriginalMessage');
  const words = typeof message === 'string' ? serverWords(message, (text) => text) : refusal.words;
  const status = typeof own === 'number' ? own : 500;
  // AWS has authorized this caller, so these statuses are the container's answer to this request.
  const as = [401, 402, 403, 404, 405, 407, 410].includes(status) || status < 400 ? 400 : status;
  return awsRefusalError({ ...refusal, name: `its container answered with ${status}`, words }, as);
}
