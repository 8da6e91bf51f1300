import { InputMismatchError } from '../../models/element-shape.ts';
import { type OptionNames, withKnownNames } from '../../models/option-names.ts';
import { withoutFields } from '../../models/without-fields.ts';
import { HttpClient, shownAddress } from '../http/http-client.ts';
import { plainHttpWarnings } from '../http/plain-http.ts';
import { pipelineFields } from '../pipeline-fields.ts';
import { type EndpointInfo, RemoteModelHandler, type RequestOptions } from '../remote-model-handler.ts';
import type { SecretReference } from '../secrets/secret-reference.ts';
import { readSecret } from '../secrets/secrets.ts';
import { BATCH_LINE_FIELDS, CUSTOM_ID, PATHS } from './batch-line.ts';
import { chatPrediction, chatRequest, maxTokensFieldOf } from './chat-completions.ts';
import { embeddingAsked, type EmbeddingAsked } from './embedding-element.ts';
import { type EmbeddingGroup, embeddingGroups, embeddingRequest, embeddingsIn } from './embeddings.ts';
import { fieldsOf } from './fields.ts';
import {
  OPENAI,
  OPENAI_OPTIONS,
  type OpenAIElements,
  type OpenAIModelHandlerOptions,
  type OpenAITask,
  optionsWithDefaults,
  secretsOf,
} from './openai-options.ts';
import { REQUEST_FIELDS } from './request-fields.ts';
import { openAIUsage } from './openai-usage.ts';
import { openAIElementRefusal, openAIRefusal } from './openai-refusal.ts';

/** Fields of an element that are part of its request. */
const ELEMENT_FIELDS: ReadonlySet<string> = new Set([...REQUEST_FIELDS, ...BATCH_LINE_FIELDS, 'prompt']);

/**
 * Calls a server with OpenAI's API, or a compatible one: vLLM, SGLang, llama.cpp, Ollama, TEI, LiteLLM, Azure. A chat is one
 * request per element; texts to embed share requests. `inferenceArgs` are fields of a request's body.
 *
 * @example
 * ```ts
 * // OpenAI itself, vLLM, Ollama, llama.cpp, LiteLLM, …
 * const server = {
 *   endpoint: process.env['OPENAI_BASE_URL'] ?? 'https://api.openai.com/v1',
 *   apiKey: { env: 'OPENAI_API_KEY' },
 * };
 *
 * const sentiment = new OpenAIModelHandler({
 *   ...server,
 *   modelName: process.env['CHAT_MODEL'] ?? 'gpt-4.1-mini',
 *   system: 'Reply with JSON: {"sentiment": "positive", "negative" or "neutral"}, which the review is.',
 *   responseFormat: { type: 'json_object' },
 *   temperature: 0,
 *   maxTokens: 30,
 * }).withPostprocessFn(({ text }) => JSON.parse(text) as Sentiment);
 * ```
 */
export class OpenAIModelHandler<Task extends OpenAITask = 'chat'> extends RemoteModelHandler<
  OpenAIElements[Task]['input'],
  OpenAIElements[Task]['output'],
  HttpClient
> {
  static override readonly optionNames: OptionNames = OPENAI_OPTIONS;
  declare readonly options: OpenAIModelHandlerOptions<Task>;

  /** @throws RangeError, TypeError where an option breaks its rule. */
  constructor(options: OpenAIModelHandlerOptions<Task>) {
    super(optionsWithDefaults(withKnownNames(options, new.target), 'OpenAIModelHandler'));
  }

  override get endpointName(): string {
    const { endpoint = OPENAI, modelName } = this.options;
    const models = typeof modelName === 'string' ? `model '${modelName}'` : "the elements' models";
    return `${models} at ${shownAddress(endpoint)}`;
  }

  override get idField(): string {
    return CUSTOM_ID;
  }

  override withoutPipelineFields(element: unknown, names: readonly string[]): unknown {
    return withoutFields(element, pipelineFields(names, ELEMENT_FIELDS));
  }

  override get secretReferences(): readonly SecretReference[] {
    return secretsOf(this.options).map(([, reference]) => reference);
  }

  override get warnings(): readonly string[] {
    return plainHttpWarnings(this.options.endpoint ?? OPENAI, this.secretReferences);
  }

  override async createClient(): Promise<HttpClient> {
    const { endpoint = OPENAI, modelName, headers = {}, secretHeaders = {}, apiKey } = this.options;
    const secrets: Record<string, string> = {};
    for (const [name, reference] of Object.entries(secretHeaders)) secrets[name] = await readSecret(reference);
    if (apiKey !== undefined) secrets['authorization'] = `Bearer ${await readSecret(apiKey)}`;
    return new HttpClient({
      url: endpoint,
      endpoint: this.endpointName,
      headers,
      secretHeaders: secrets,
      refusalError: typeof modelName === 'string' ? openAIRefusal : openAIElementRefusal,
    });
  }

  /** Returns the model's name as it is requested; if elements name their models, the server's address. */
  override describe(): Promise<EndpointInfo> {
    const { endpoint = OPENAI, modelName } = this.options;
    return Promise.resolve({
      label: typeof modelName === 'string' ? modelName : shownAddress(endpoint),
      isUnasked: true,
    });
  }

  override modelOf(element: OpenAIElements[Task]['input']): string | undefined {
    if (typeof this.options.modelName === 'string') return undefined;
    const { body = element } = fieldsOf(element);
    const { model } = fieldsOf(body);
    return typeof model === 'string' ? model : undefined;
  }

  /** Texts to be embedded share a request only with texts that have the same parameters. */
  override batchKey(element: OpenAIElements[Task]['input']): string {
    if (this.options.task !== 'embeddings') return '';
    const asked = this.#embeddingAsked(element);
    return asked instanceof Error ? '' : asked.key;
  }

  override async request(
    batch: readonly OpenAIElements[Task]['input'][],
    client: HttpClient,
    options: RequestOptions,
  ): Promise<readonly (OpenAIElements[Task]['output'] | Error)[]> {
    if (this.options.task === 'embeddings') return this.#embed(batch, client, options);
    const predictions: OpenAIElements[Task]['output'][] = [];
    for (const element of batch) predictions.push(await this.#chat(element, client, options));
    return predictions;
  }

  async #chat(element: unknown, client: HttpClient, { signal, inferenceArgs, reportUsage }: RequestOptions) {
    const { endpoint = OPENAI } = this.options;
    const options = { ...this.options, maxTokensField: maxTokensFieldOf(endpoint) };
    const { endpointName } = this;
    return client.postJson(PATHS.chat, chatRequest(element, options, inferenceArgs), {
      signal,
      read(answer) {
        const body = answer.json();
        const usage = openAIUsage(body);
        if (usage !== undefined) reportUsage?.(usage);
        return chatPrediction(body, endpointName);
      },
    });
  }

  /** Fails elements that can't be embedded before the others are sent: the server would refuse the whole request. */
  async #embed(batch: readonly unknown[], client: HttpClient, options: RequestOptions) {
    const asked = batch.map((element) => this.#embeddingAsked(element));
    const results: unknown[] = [...asked];
    for (const group of embeddingGroups(asked)) {
      let next = 0;
      const vectors = await this.#vectorsOf(group, client, options);
      for (const { index, asked: one } of group.elements) {
        results[index] = one.isList ? vectors.slice(next, next + one.inputs.length) : vectors[next];
        next += one.inputs.length;
      }
    }
    return results as readonly (OpenAIElements[Task]['output'] | Error)[]; // Vectors, as only the task 'embeddings' gets here.
  }

  #vectorsOf(group: EmbeddingGroup, client: HttpClient, { signal, inferenceArgs, reportUsage }: RequestOptions) {
    const body = embeddingRequest(group, this.options, inferenceArgs);
    const read = (answer: { json(): unknown }) => {
      const body = answer.json();
      const usage = openAIUsage(body);
      if (usage !== undefined) reportUsage?.(usage);
      return embeddingsIn(body, group.inputs.length);
    };
    return client.postJson(PATHS.embeddings, body, { signal, read });
  }

  #embeddingAsked(element: unknown): EmbeddingAsked | InputMismatchError {
    try {
      return embeddingAsked(element, this.options.modelName);
    } catch (error) {
      if (error instanceof InputMismatchError) return error;
      throw error;
    }
  }
}
