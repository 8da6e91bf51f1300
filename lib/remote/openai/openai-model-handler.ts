import { InputMismatchError } from '../../models/element-shape.ts';
import { type OptionNames, withKnownNames } from '../../models/option-names.ts';
import { HttpClient, shownAddress } from '../http/http-client.ts';
import { type EndpointInfo, RemoteModelHandler, type RequestOptions } from '../remote-model-handler.ts';
import type { SecretReference } from '../secrets/secret-reference.ts';
import { readSecret } from '../secrets/secrets.ts';
import { chatPrediction, chatRequest, maxTokensFieldOf } from './chat-completions.ts';
import { embeddingRequest, embeddingsIn } from './embeddings.ts';
import {
  OPENAI,
  OPENAI_OPTIONS,
  type OpenAIElements,
  type OpenAIModelHandlerOptions,
  type OpenAITask,
  optionsWithDefaults,
  secretsOf,
} from './openai-options.ts';
import { openAIRefusal } from './openai-refusal.ts';

/**
 * Calls a server of OpenAI's API, or any that is compatible with it: vLLM, SGLang, llama.cpp, Ollama, TEI, LiteLLM, Azure.
 * A chat is one request an element; texts are embedded many to a request. `inferenceArgs` are fields of a request's body.
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
    return `model '${modelName}' at ${shownAddress(endpoint)}`;
  }

  override get secretReferences(): readonly SecretReference[] {
    return secretsOf(this.options).map(([, reference]) => reference);
  }

  override async createClient(): Promise<HttpClient> {
    const { endpoint = OPENAI, headers = {}, secretHeaders = {}, apiKey } = this.options;
    const secrets: Record<string, string> = {};
    for (const [name, reference] of Object.entries(secretHeaders)) secrets[name] = await readSecret(reference);
    if (apiKey !== undefined) secrets['authorization'] = `Bearer ${await readSecret(apiKey)}`;
    return new HttpClient({
      url: endpoint,
      endpoint: this.endpointName,
      headers,
      secretHeaders: secrets,
      refusalError: openAIRefusal,
    });
  }

  /** The model's name, as it is asked for. */
  override describe(): Promise<EndpointInfo> {
    const { modelName } = this.options;
    return Promise.resolve({ label: modelName, isUnasked: true });
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

  async #chat(element: unknown, client: HttpClient, { signal, inferenceArgs }: RequestOptions) {
    const { endpoint = OPENAI } = this.options;
    const options = { ...this.options, maxTokensField: maxTokensFieldOf(endpoint) };
    return client.postJson('chat/completions', chatRequest(element, options, inferenceArgs), {
      signal,
      read: (answer) => chatPrediction(answer.json(), this.endpointName),
    });
  }

  /** What is no text fails by itself, before the others are sent: the server would refuse them all for it. */
  async #embed(batch: readonly unknown[], client: HttpClient, { signal, inferenceArgs }: RequestOptions) {
    const texts = batch.filter((element) => typeof element === 'string' && element !== '') as string[]; // As filtered.
    const body = embeddingRequest(texts, this.options, inferenceArgs);
    const read = { signal, read: (answer: { json(): unknown }) => embeddingsIn(answer.json(), texts.length) };
    const vectors = texts.length === 0 ? [] : await client.postJson('embeddings', body, read);
    const next = vectors.values();
    return batch.map((element) => {
      if (typeof element === 'string' && element !== '') return next.next().value ?? noText(element);
      return noText(element);
    });
  }
}

function noText(element: unknown): InputMismatchError {
  const got = element === '' ? 'an empty one' : typeof element;
  return new InputMismatchError(`an element to be embedded must be a text, and not empty: got ${got}`);
}
