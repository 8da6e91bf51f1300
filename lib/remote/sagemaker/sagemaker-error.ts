import { type AwsRefusal, awsRefusalError } from '../aws/aws-error.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { serverWords } from '../http/server-words.ts';

/** A model that is being loaded takes seconds to minutes. */
const NOT_READY_MILLIS = 5_000;

/**
 * What InvokeEndpoint's own exceptions mean.
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
  // An endpoint that does not exist has no exception of its own, and the status 400.
  const isUnknown = name.startsWith('Validation') && /(endpoint|component|variant|model) .*\bnot found/i.test(words);
  return isUnknown ? awsRefusalError(refusal, 404) : undefined;
}

/** The container answered, with an error: its own status tells which. */
function modelError(refusal: AwsRefusal): EndpointError {
  const { fields } = refusal;
  const own = fields.get('OriginalStatusCode');
  const message = fields.get('OriginalMessage');
  const words = typeof message === 'string' ? serverWords(message, (text) => text) : refusal.words;
  const status = typeof own === 'number' ? own : 500;
  // What AWS lets this caller do is settled: these are the container's, of this request.
  const as = [401, 402, 403, 404, 405, 407, 410].includes(status) || status < 400 ? 400 : status;
  return awsRefusalError({ ...refusal, name: `its container answered with ${status}`, words }, as);
}
