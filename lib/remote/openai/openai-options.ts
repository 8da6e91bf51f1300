import type { ChatInput, ChatPrediction } from '../chat/chat.ts';
import { checkAddress, checkHeaders } from '../http/http-client.ts';
import { oneElementPerRequest } from '../chat/one-element.ts';
import { REMOTE_OPTIONS, type RemoteModelHandlerOptions } from '../remote-model-handler.ts';
import type { SecretReference } from '../secrets/secret-reference.ts';
import { checkSecretReference } from '../secrets/secrets.ts';
import { estimateChatTokens, estimateTokens, withTokenWeights } from '../chat/token-weights.ts';
import type { OpenAIBatchLine } from './batch-line.ts';
import { maxTokensIn, type ModelName, ownField } from './body-fields.ts';
import { estimateEmbeddingTokens } from './embedding-element.ts';
import { MAX_INPUTS } from './embeddings.ts';
import { fieldsOf } from './fields.ts';

/** Types of elements and predictions, by the task. */
export interface OpenAIElements {
  readonly chat: { readonly input: ChatInput | OpenAIBatchLine; readonly output: ChatPrediction };
  /** A text and its vector; for a list of texts, a list of vectors. */
  readonly embeddings: { readonly input: EmbeddingInput | OpenAIBatchLine; readonly output: readonly number[] };
}

/** A text, or an object whose other fields are parameters of its request. */
export type EmbeddingInput = string | ({ readonly input: unknown } & Readonly<Record<string, unknown>>);

/** The tasks of an `OpenAIModelHandler`. */
export type OpenAITask = keyof OpenAIElements;

/** Options of an `OpenAIModelHandler`. */
export interface OpenAIModelHandlerOptions<Task extends OpenAITask = 'chat'> extends RemoteModelHandlerOptions<
  OpenAIElements[Task]['input']
> {
  /** The server's address, before `/chat/completions`. @default 'https://api.openai.com/v1' */
  readonly endpoint?: string;
  /** The model's name; `{ field: 'model' }` if each element names its own in the body of its request. */
  readonly modelName: ModelName;
  /** @default 'chat' */
  readonly task?: Task;
  /** Key that is sent as `Authorization: Bearer …`. @default none */
  readonly apiKey?: SecretReference;
  /** Headers of every request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers whose values are secrets. @default none */
  readonly secretHeaders?: Readonly<Record<string, SecretReference>>;
  /** Chat: system message of elements that do not have one. @default none */
  readonly system?: string;
  /** Chat: maximum tokens of an answer. @default the model's */
  readonly maxTokens?: number;
  /** Chat: sampling temperature. @default the model's */
  readonly temperature?: number;
  /** Chat: `response_format` of the API. @default text */
  readonly responseFormat?: Readonly<Record<string, unknown>>;
  /** Embeddings: length of the vectors, if the model supports shorter ones. @default the model's */
  readonly dimensions?: number;
  /** Other fields of each request's body, in the format of the API. @default none */
  readonly extraBody?: Readonly<Record<string, unknown>>;
}

export const OPENAI_OPTIONS = {
  ...REMOTE_OPTIONS,
  endpoint: true,
  modelName: true,
  task: true,
  apiKey: true,
  headers: true,
  secretHeaders: true,
  system: true,
  maxTokens: true,
  temperature: true,
  responseFormat: true,
  dimensions: true,
  extraBody: true,
} as const satisfies Record<keyof OpenAIModelHandlerOptions, true>;

export const OPENAI = 'https://api.openai.com/v1';

/** The API accepts 300,000 in a request; the estimate can be off by a fifth. */
const MAX_ESTIMATED_TOKENS = 240_000;
/** Inputs of a batch: few enough that an answer of 1,536 numbers each has some megabytes, and that a failed batch is cheap. */
const DEFAULT_INPUTS = 256;

const OPTIONS_OF_ONE_TASK = {
  system: 'chat',
  maxTokens: 'chat',
  temperature: 'chat',
  responseFormat: 'chat',
  dimensions: 'embeddings',
} as const satisfies Partial<Record<keyof OpenAIModelHandlerOptions, OpenAITask>>;

/** Returns the options with the defaults of their task. @throws RangeError, TypeError if one breaks its rule. */
export function optionsWithDefaults<Task extends OpenAITask>(
  options: OpenAIModelHandlerOptions<Task>,
  handler: string,
): OpenAIModelHandlerOptions<Task> {
  checkOptions(options, handler);
  if (options.task === 'embeddings') return embeddingOptions(options, handler);
  return withTokenWeights(oneElementPerRequest(options, handler), chatTokens(options));
}

/** Estimates the number of tokens of an element. OpenAI's limits also count the maximum length of its answer. */
function chatTokens({ system = '', maxTokens = 0, extraBody = {} }: OwnOptions): (element: unknown) => number {
  const common = maxTokensIn(extraBody) ?? maxTokens;
  const systemTokens = system === '' ? 0 : estimateTokens(system);
  return (element) => {
    const { body = element } = fieldsOf(element);
    return systemTokens + (maxTokensIn(fieldsOf(body)) ?? common) + estimateChatTokens(element);
  };
}

/** Fills batches with all available texts instead of learning a size: the limits are on requests and tokens. */
function embeddingOptions<Task extends OpenAITask>(
  options: OpenAIModelHandlerOptions<Task>,
  handler: string,
): OpenAIModelHandlerOptions<Task> {
  const { maxBatchSize = DEFAULT_INPUTS, minBatchSize = maxBatchSize, rateLimits = [], elementSizeFn } = options;
  if (maxBatchSize > MAX_INPUTS) {
    throw new RangeError(
      `Cannot create ${handler} as 'maxBatchSize' must be at most ${MAX_INPUTS}, the API's maximum of texts in a request: current value is ${maxBatchSize}`,
    );
  }
  const sized = { ...options, maxBatchSize, minBatchSize };
  if (elementSizeFn !== undefined) return sized;
  const weights = rateLimits.flatMap(({ weight }) => weight ?? []);
  const maxBatchWeight = options.maxBatchWeight ?? Math.min(MAX_ESTIMATED_TOKENS, ...weights);
  return withTokenWeights({ ...sized, maxBatchWeight }, estimateEmbeddingTokens);
}

/** Options that do not concern batches. */
type OwnOptions = Omit<OpenAIModelHandlerOptions<OpenAITask>, keyof RemoteModelHandlerOptions>;

function checkOptions(options: OwnOptions, handler: string): void {
  const { endpoint = OPENAI, modelName, task = 'chat', headers = {}, extraBody = {} } = options;
  checkAddress(endpoint, handler);
  if (typeof modelName === 'string' ? modelName === '' : fieldsOf(modelName)['field'] !== 'model') {
    const value = typeof modelName === 'object' ? JSON.stringify(modelName) : modelName;
    throw new TypeError(
      `Cannot create ${handler} as 'modelName' must be a model's name, or { field: 'model' }: current value is ${value}`,
    );
  }
  if (task !== 'chat' && task !== 'embeddings') {
    throw new TypeError(
      `Cannot create ${handler} as 'task' must be 'chat' or 'embeddings': current value is ${String(task)}`,
    );
  }
  for (const [option, its] of Object.entries(OPTIONS_OF_ONE_TASK)) {
    if (its === task || options[option as keyof typeof OPTIONS_OF_ONE_TASK] === undefined) continue;
    throw new TypeError(`Cannot create ${handler} as '${option}' must not be set if 'task' is '${task}'`);
  }
  checkHeaders(headers, handler);
  for (const [option, reference] of secretsOf(options)) checkSecretReference(reference, option, handler);
  const own = ownField(extraBody);
  if (own !== undefined) {
    throw new TypeError(`Cannot create ${handler} as 'extraBody' must not set '${own}', which only the handler sets`);
  }
}

/** Returns the secrets with the option of each. */
export function secretsOf({
  apiKey,
  secretHeaders = {},
}: OwnOptions): readonly (readonly [option: string, reference: SecretReference])[] {
  const inHeaders = Object.entries(secretHeaders).map(
    ([name, reference]) => [`secretHeaders.${name}`, reference] as const,
  );
  return apiKey === undefined ? inHeaders : [['apiKey', apiKey], ...inHeaders];
}
