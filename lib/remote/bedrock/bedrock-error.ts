import { type AwsRefusal, awsRefusalError } from '../aws/aws-error.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';

/** Wait for a model that is being loaded, which takes seconds to minutes. */
const NOT_READY_MILLIS = 5_000;

/** Messages about the model's name, not about the request. */
const ABOUT_THE_MODEL =
  /model identifier is invalid|on-demand throughput isn.t supported|model version .*end of its life/i;

/**
 * Interprets the exceptions of Bedrock.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
 */
export function bedrockError(refusal: AwsRefusal): EndpointError | undefined {
  const { endpoint, name, status, words, fields } = refusal;
  switch (name) {
    case 'ModelNotReadyException': {
      const retry = { status, disposition: 'retry', retryAfterMillis: NOT_READY_MILLIS } as const;
      const text = `${endpoint} is still loading its model (HTTP ${status})`;
      return new EndpointError(text, { ...retry, name: 'EndpointServerError' });
    }
    case 'ModelTimeoutException':
    case 'ModelStreamErrorException':
      return awsRefusalError(refusal, 503);
    case 'ModelErrorException': {
      const own = fields.get('originalStatusCode');
      if (own === 408 || own === 429) return awsRefusalError(refusal, own);
      return awsRefusalError(refusal, typeof own === 'number' && own >= 400 && own < 500 ? 400 : 502);
    }
    case 'ValidationException':
      return ABOUT_THE_MODEL.test(words) ? awsRefusalError(refusal, 404) : undefined;
    default:
      return undefined;
  }
}
