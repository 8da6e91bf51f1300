import type { ChatInput, ChatPrediction } from '../chat/chat.ts';
import { checkAddress, checkHeaders } from '../http/http-client.ts';
import { oneElementARequest } from '../chat/one-element.ts';
import { REMOTE_OPTIONS, type RemoteModelHandlerOptions } from '../remote-model-handler.ts';
import type { SecretReference } from '../secrets/secret-reference.ts';
import { checkSecretReference } from '../secrets/secrets.ts';
import { estimateChatTokens, estimateTokens, withTokenWeights } from '../chat/token-weights.ts';
import type { OpenAIBatchLine } from './batch-line.ts';
import { maxTokensIn, type ModelName, ownField } from './body-fields.ts';
import { estimateEmbeddingTokens } from './embedding-element.ts';
import { MAX_INPUTS } from './embeddings.ts';
import { fieldsOf } from './fields.ts';

/** What elements and predictions are, by the task. */
export interface OpenAIElements {
  readonly chat: { readonly input: ChatInput | OpenAIBatchLine; readonly output: ChatPrediction };
  /** A text and its vector; for a list of texts, a list of vectors. */
  readonly embeddings: { readonly input: EmbeddingInput | OpenAIBatchLine; readonly output: readonly number[] };
}

/** A text, or an object whose other fields are parameters of its request. */
export type EmbeddingInput = string | ({ readonly input: unknown } & Readonly<Record<string, unknown>>);

export type OpenAITask = keyof OpenAIElements;

export interface OpenAIModelHandlerOptions<Task extends OpenAITask = 'chat'> extends RemoteModelHandlerOptions<
  OpenAIElements[Task]['input']
> {
  /** The server's address: what comes before `/chat/completions`. @default 'https://api.openai.com/v1' */
  readonly endpoint?: string;
  /** The model's name; `{ field: 'model' }` if each element names its own in the body of its request. */
  readonly modelName: ModelName;
  /** @default 'chat' */
  readonly task?: Task;
  /** Sent as `Authorization: Bearer …`. @default none */
  readonly apiKey?: SecretReference;
  /** Sent with every request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers whose values are secrets. @default none */
  readonly secretHeaders?: Readonly<Record<string, SecretReference>>;
  /** Chat: said before an element's messages, where it has no system message of its own. @default nothing */
  readonly system?: string;
  /** Chat: the most tokens of an answer. @default the model's own */
  readonly maxTokens?: number;
  /** Chat. @default the model's own */
  readonly temperature?: number;
  /** Chat: `response_format`, as the API has it. @default text */
  readonly responseFormat?: Readonly<Record<string, unknown>>;
  /** Embeddings: how long the vectors are, where the model can have them shorter. @default the model's own */
  readonly dimensions?: number;
  /** Other fields of each request's body, as the API has them. @default none */
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
/** Few enough that an answer of 1,536 numbers each is some megabytes, and a batch that fails soon found. */
const DEFAULT_INPUTS = 256;

const OPTIONS_OF_ONE_TASK = {
  system: 'chat',
  maxTokens: 'chat',
  temperature: 'chat',
  responseFormat: 'chat',
  dimensions: 'embeddings',
} as const satisfies Partial<Record<keyof OpenAIModelHandlerOptions, OpenAITask>>;

/** The options with the defaults of their task. @throws RangeError, TypeError where one breaks its rule. */
export function optionsWithDefaults<Task extends OpenAITask>(
  options: OpenAIModelHandlerOptions<Task>,
  handler: string,
): OpenAIModelHandlerOptions<Task> {
  checkOptions(options, handler);
  if (options.task === 'embeddings') return embeddingOptions(options, handler);
  return withTokenWeights(oneElementARequest(options, handler), chatTokens(options));
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

/** Batches of as many texts as there are, not of a size that is learned: the limits are on requests and tokens. */
function embeddingOptions<Task extends OpenAITask>(
  options: OpenAIModelHandlerOptions<Task>,
  handler: string,
): OpenAIModelHandlerOptions<Task> {
  const { maxBatchSize = DEFAULT_INPUTS, minBatchSize = maxBatchSize, rateLimits = [], elementSizeFn } = options;
  if (maxBatchSize > MAX_INPUTS) {
    throw new RangeError(
      `Cannot create ${handler} as 'maxBatchSize' must be at most ${MAX_INPUTS}, which the API has for texts in a request: current value is ${maxBatchSize}`,
    );
  }
  const sized = { ...options, maxBatchSize, minBatchSize };
  if (elementSizeFn !== undefined) return sized;
  const weights = rateLimits.flatMap(({ weight }) => weight ?? []);
  const maxBatchWeight = options.maxBatchWeight ?? Math.min(MAX_ESTIMATED_TOKENS, ...weights);
  return withTokenWeights({ ...sized, maxBatchWeight }, estimateEmbeddingTokens);
}

/** What has nothing to do with batches. */
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
    throw new TypeError(`Cannot create ${handler} as '${option}' must be left out where 'task' is '${task}'`);
  }
  checkHeaders(headers, handler);
  for (const [option, reference] of secretsOf(options)) checkSecretReference(reference, option, handler);
  const own = ownField(extraBody);
  if (own !== undefined) {
    throw new TypeError(`Cannot create ${handler} as 'extraBody' must not set '${own}', which is the handler's own`);
  }
}

/** By the option that each is in. */
export function secretsOf({
  apiKey,
  secretHeaders = {},
}: OwnOptions): readonly (readonly [option: string, reference: SecretReference])[] {
  const inHeaders = Object.entries(secretHeaders).map(
    ([name, reference]) => [`secretHeaders.${name}`, reference] as const,
  );
  return apiKey === undefined ? inHeaders : [['apiKey', apiKey], ...inHeaders];
}
