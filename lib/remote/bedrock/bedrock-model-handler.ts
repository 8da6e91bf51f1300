import type {
  BedrockRuntimeClient,
  ConverseCommandInput,
  InvokeModelCommandInput,
} from '@aws-sdk/client-bedrock-runtime';
import { InputMismatchError } from '../../models/element-shape.ts';
import { withoutFields } from '../../models/without-fields.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import { type OptionNames, withKnownNames } from '../../models/option-names.ts';
import { clientConfig } from '../../stores/aws-client.ts';
import { awsError } from '../aws/aws-error.ts';
import type { ChatInput, ChatPrediction } from '../chat/chat.ts';
import { oneElementPerRequest } from '../chat/one-element.ts';
import { NotTheProtocolError } from '../http/http-client.ts';
import { pipelineFields } from '../pipeline-fields.ts';
import {
  type EndpointInfo,
  type EndpointPermission,
  REMOTE_OPTIONS,
  RemoteModelHandler,
  type RemoteModelHandlerOptions,
  type RequestOptions,
} from '../remote-model-handler.ts';
import { StrangeAnswers } from '../endpoint/strange-answers.ts';
import { estimateChatTokens, estimateTokens, withTokenWeights } from '../chat/token-weights.ts';
import { bedrockError } from './bedrock-error.ts';
import { type BedrockRecord, isRecord, modelInputOf, RECORD_FIELDS, RECORD_ID } from './bedrock-record.ts';
import { CONVERSE_FIELDS, type ConverseOptions, maxTokensIn } from './converse-params.ts';
import { converseInput, conversePrediction, converseUsage } from './converse.ts';
import { reportInvokeUsage } from './invoke-usage.ts';
import { modelArns } from './model-arns.ts';
import { shaped } from './request-shape.ts';

/** Requests per HTTP/2 connection: few, so that a lost connection affects few requests. */
const STREAMS_PER_CONNECTION = 32;
/** Added to the session's timeout, so that the request's own timeout comes first. */
const SESSION_GRACE_MILLIS = 5_000;

/** Types of elements and predictions, by the API. */
export interface BedrockElements {
  readonly converse: { readonly input: ChatInput | BedrockRecord; readonly output: ChatPrediction };
  /** Request body and answer in the model's own format. */
  readonly invoke: { readonly input: Readonly<Record<string, unknown>> | BedrockRecord; readonly output: unknown };
}

/** The APIs of Bedrock that a handler can call. */
export type BedrockApi = keyof BedrockElements;

/** Options of a `BedrockModelHandler`. */
export interface BedrockModelHandlerOptions<Api extends BedrockApi = 'converse'>
  extends RemoteModelHandlerOptions<BedrockElements[Api]['input']>, ConverseOptions {
  /** Id of a model or an inference profile (`eu.anthropic.claude-…`), or the ARN of a resource that serves a model. */
  readonly modelId: string;
  /** `'converse'`: a chat, in the same format for all models. `'invoke'`: the model's own body. @default 'converse' */
  readonly api?: Api;
  /** AWS Region. @default the SDK's settings: AWS_REGION, a profile */
  readonly region?: string;
  /** System message of elements that do not have one. @default none */
  readonly system?: string;
  /** Maximum tokens of an answer. @default the model's */
  readonly maxTokens?: number;
  /** Sampling temperature. @default the model's */
  readonly temperature?: number;
  /** Arguments of this model that Converse does not have. @default none */
  readonly additionalModelRequestFields?: Readonly<Record<string, unknown>>;
}

/** Fields of an element that are part of its request. */
const ELEMENT_FIELDS: ReadonlySet<string> = new Set([...CONVERSE_FIELDS, ...RECORD_FIELDS, 'prompt']);

export const BEDROCK_OPTIONS = {
  ...REMOTE_OPTIONS,
  modelId: true,
  api: true,
  region: true,
  system: true,
  maxTokens: true,
  temperature: true,
  additionalModelRequestFields: true,
} as const satisfies Record<keyof BedrockModelHandlerOptions, true>;

/** Client of {@link BedrockModelHandler}. */
export interface BedrockClient {
  readonly runtime: BedrockRuntimeClient;
  readonly strangeAnswers: StrangeAnswers;
}

/** Calls a model of Amazon Bedrock, once for each element. */
export class BedrockModelHandler<Api extends BedrockApi = 'converse'> extends RemoteModelHandler<
  BedrockElements[Api]['input'],
  BedrockElements[Api]['output'],
  BedrockClient
> {
  static override readonly optionNames: OptionNames = BEDROCK_OPTIONS;
  declare readonly options: BedrockModelHandlerOptions<Api>;

  /** @throws RangeError, TypeError where an option breaks its rule. */
  constructor(options: BedrockModelHandlerOptions<Api>) {
    const known = withKnownNames(options, new.target);
    super(withTokenWeights(oneElementPerRequest(known, 'BedrockModelHandler'), tokensOf(options)));
    const { modelId, api = 'converse' } = options;
    if (typeof modelId !== 'string' || !/^\S{1,2048}$/.test(modelId)) {
      throw refused('modelId', "a model's id, an inference profile's id, or an ARN", modelId);
    }
    if (api !== 'converse' && api !== 'invoke') throw refused('api', "'converse' or 'invoke'", api);
    for (const option of ['system', 'maxTokens', 'temperature', 'additionalModelRequestFields'] as const) {
      if (api === 'converse' || options[option] === undefined) continue;
      throw new TypeError(
        `Cannot create BedrockModelHandler as '${option}' must not be set with the api 'invoke', whose elements are the model's own request bodies`,
      );
    }
  }

  override get endpointName(): string {
    return `Bedrock model '${this.options.modelId}'`;
  }

  override get idField(): string {
    return RECORD_ID;
  }

  /** The fields of a model's own body are unknown here, so it stays unchanged. */
  override withoutPipelineFields(element: unknown, names: readonly string[]): unknown {
    const isWhole = this.options.api === 'invoke' && !isRecord(element);
    return isWhole ? element : withoutFields(element, pipelineFields(names, ELEMENT_FIELDS));
  }

  override get permissions(): readonly EndpointPermission[] {
    // Converse requires the same.
    return [{ actions: ['bedrock:InvokeModel'], resources: modelArns(this.options.modelId, this.options.region) }];
  }

  override async createClient(): Promise<BedrockClient> {
    const { BedrockRuntimeClient } = await import('@aws-sdk/client-bedrock-runtime');
    const { region } = this.options;
    const requestTimeout = this.requestTimeoutSecs * 1000 + SESSION_GRACE_MILLIS;
    const runtime = new BedrockRuntimeClient({
      ...clientConfig({ maxAttempts: 1 }),
      ...(region !== undefined && { region }),
      // This service uses HTTP/2: many requests on one connection, with more connections as needed.
      requestHandler: { maxConcurrentStreams: STREAMS_PER_CONNECTION, requestTimeout, sessionTimeout: requestTimeout },
    });
    return { runtime, strangeAnswers: new StrangeAnswers() };
  }

  /** Returns the model's id, or the last part of its ARN. */
  override describe(): Promise<EndpointInfo> {
    const { modelId } = this.options;
    return Promise.resolve({ label: modelId.slice(modelId.lastIndexOf('/') + 1), digest: modelId, isUnasked: true });
  }

  override async request(
    batch: readonly BedrockElements[Api]['input'][],
    { runtime, strangeAnswers }: BedrockClient,
    options: RequestOptions,
  ): Promise<readonly BedrockElements[Api]['output'][]> {
    const predictions: unknown[] = [];
    try {
      for (const element of batch) {
        predictions.push(await this.#ask(element, runtime, options));
        strangeAnswers.wasValid();
      }
    } catch (error) {
      if (!(error instanceof NotTheProtocolError)) throw error;
      throw strangeAnswers.error(this.endpointName, error.message, { passing: error.passing });
    }
    return predictions;
  }

  /** @throws NotTheProtocolError if the answer does not follow the API */
  async #ask(element: unknown, runtime: BedrockRuntimeClient, options: RequestOptions) {
    const { signal, inferenceArgs } = options;
    try {
      const body = modelInputOf(element);
      return this.options.api === 'invoke'
        ? await this.#invoke(runtime, this.#invokeInput(body, inferenceArgs), options)
        : await this.#converse(runtime, this.#converseInput(body, inferenceArgs), options);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof InputMismatchError || error instanceof NotTheProtocolError) throw error;
      const failure = awsError(this.endpointName, error, bedrockError);
      throw failure.name === 'EndpointProtocolError' ? notJson() : failure;
    }
  }

  async #converse(runtime: BedrockRuntimeClient, input: ConverseCommandInput, options: RequestOptions) {
    const { ConverseCommand, ConverseRequest$ } = await import('@aws-sdk/client-bedrock-runtime');
    const whole = shaped(input, ConverseRequest$) as ConverseCommandInput; // The shape is that of this type.
    const answer = await runtime.send(new ConverseCommand(whole), { abortSignal: options.signal });
    const usage = converseUsage(answer);
    if (usage !== undefined) options.reportUsage?.(usage);
    const prediction = conversePrediction(answer, this.endpointName);
    if (prediction === undefined) throw new NotTheProtocolError('JSON without a message: check its address');
    return prediction;
  }

  async #invoke(runtime: BedrockRuntimeClient, input: InvokeModelCommandInput, options: RequestOptions) {
    const { InvokeModelCommand } = await import('@aws-sdk/client-bedrock-runtime');
    const command = new InvokeModelCommand(input);
    reportInvokeUsage(command, options.reportUsage);
    const { body } = await runtime.send(command, { abortSignal: options.signal });
    return parsed(body);
  }

  #converseInput(element: unknown, args: InferenceArgs | undefined): ConverseCommandInput {
    return { modelId: this.options.modelId, ...converseInput(element, this.options, args) };
  }

  #invokeInput(element: unknown, args: InferenceArgs | undefined): InvokeModelCommandInput {
    if (typeof element !== 'object' || element === null || Array.isArray(element)) {
      throw new InputMismatchError(`an element must be the model's request body, an object: got ${typeof element}`);
    }
    const { modelId } = this.options;
    const json = { contentType: 'application/json', accept: 'application/json' };
    return { modelId, ...json, body: JSON.stringify({ ...element, ...args }) };
  }
}

function tokensOf<Api extends BedrockApi>({ api, system = '', maxTokens = 0 }: BedrockModelHandlerOptions<Api>) {
  if (api === 'invoke') return (element: unknown) => estimateTokens(JSON.stringify(element) ?? '');
  const systemTokens = system === '' ? 0 : estimateTokens(system);
  return (element: unknown) => systemTokens + (maxTokensIn(element) ?? maxTokens) + estimateChatTokens(element);
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    throw notJson();
  }
}

/** Returns the error of a body that is not JSON, or that was cut off by the end of its connection. */
function notJson(): NotTheProtocolError {
  return new NotTheProtocolError('a body that is not JSON: check its address', { passing: true });
}

function refused(option: string, rule: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot create BedrockModelHandler as '${option}' must be ${rule}: current value is ${String(value)}`,
  );
}
