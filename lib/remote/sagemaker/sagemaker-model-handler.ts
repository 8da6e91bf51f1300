import type { InvokeEndpointCommandInput, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import type { InferenceArgs } from '../../models/model-handler.ts';
import { type OptionNames, withKnownNames } from '../../models/option-names.ts';
import { clientConfig } from '../../stores/aws-client.ts';
import { awsError } from '../aws/aws-error.ts';
import { partitionOf } from '../aws/aws-partition.ts';
import { NotTheProtocolError } from '../http/http-client.ts';
import {
  type EndpointInfo,
  type EndpointPermission,
  REMOTE_OPTIONS,
  RemoteModelHandler,
  type RemoteModelHandlerOptions,
  type RequestOptions,
} from '../remote-model-handler.ts';
import { StrangeAnswers } from '../endpoint/strange-answers.ts';
import {
  CONTENT_TYPES,
  decodeBody,
  encodeBody,
  type SageMakerContentType,
  type SageMakerJsonBody,
} from './content-types.ts';
import { sageMakerError } from './sagemaker-error.ts';

/** Maximum bytes of a batch: a serverless endpoint accepts 4 MB, and numbers are longer as text than in memory. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
/** Added to the socket's timeout, so that the request's own timeout comes first. */
const SOCKET_GRACE_MILLIS = 5_000;
/** https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html */
const ENDPOINT_NAME = /^[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}$/;

/** Options of a `SageMakerModelHandler`. */
export interface SageMakerModelHandlerOptions<
  Input = unknown,
  Output = unknown,
> extends RemoteModelHandlerOptions<Input> {
  readonly endpointName: string;
  /** AWS Region. @default the SDK's settings: AWS_REGION, a profile */
  readonly region?: string;
  /**
   * Content type of a request's body: `application/json`, `application/jsonlines` or `text/csv`; any with `serialize`.
   * @default 'application/json'
   */
  readonly contentType?: string;
  /** Requested content type of the answer: one of those; any with `deserialize`. @default `contentType` */
  readonly accept?: string;
  /**
   * Layout of a batch in `application/json`: `{"instances": [...]}`, `{"inputs": [...]}` or `[...]`. The answer can
   * be an array, or an object with one in `predictions` or `outputs`. @default 'instances'
   */
  readonly jsonBody?: SageMakerJsonBody;
  readonly inferenceComponentName?: string;
  readonly targetVariant?: string;
  /** Model of a multi-model endpoint, sent as `TargetModel`. */
  readonly targetModel?: string;
  /** Value of `CustomAttributes`; do not put secrets in it. */
  readonly customAttributes?: string;
  /** Converts a batch to a request's body of any content type. @default by `contentType` */
  readonly serialize?: (batch: readonly Input[], inferenceArgs?: InferenceArgs) => string | Uint8Array;
  /** Converts an answer's body to results, one per element of the batch. @default by the answer's content type */
  readonly deserialize?: (body: Uint8Array, contentType: string) => readonly Output[];
}

export const SAGEMAKER_OPTIONS = {
  ...REMOTE_OPTIONS,
  endpointName: true,
  region: true,
  contentType: true,
  accept: true,
  jsonBody: true,
  inferenceComponentName: true,
  targetVariant: true,
  targetModel: true,
  customAttributes: true,
  serialize: true,
  deserialize: true,
} as const satisfies Record<keyof SageMakerModelHandlerOptions, true>;

/** Client of {@link SageMakerModelHandler}. */
export interface SageMakerClient {
  readonly runtime: SageMakerRuntimeClient;
  readonly strangeAnswers: StrangeAnswers;
}

/** Calls a real-time endpoint of Amazon SageMaker AI, with one InvokeEndpoint per batch. */
export class SageMakerModelHandler<Input = unknown, Output = unknown> extends RemoteModelHandler<
  Input,
  Output,
  SageMakerClient
> {
  static override readonly optionNames: OptionNames = SAGEMAKER_OPTIONS;
  declare readonly options: SageMakerModelHandlerOptions<Input, Output>;

  /** @throws RangeError, TypeError where an option breaks its rule. */
  constructor(options: SageMakerModelHandlerOptions<Input, Output>) {
    super({ maxBatchBytes: MAX_BATCH_BYTES, ...withKnownNames(options, new.target) });
    const { endpointName, contentType, accept, jsonBody } = options;
    if (typeof endpointName !== 'string' || !ENDPOINT_NAME.test(endpointName)) {
      throw refused('endpointName', 'the name of an endpoint: 1 to 63 letters, digits and hyphens', endpointName);
    }
    checkContentType('contentType', contentType, { converter: 'serialize', given: options.serialize });
    checkContentType('accept', accept ?? contentType, { converter: 'deserialize', given: options.deserialize });
    if (jsonBody !== undefined && !['instances', 'inputs', 'array'].includes(jsonBody)) {
      throw refused('jsonBody', "'instances', 'inputs' or 'array'", jsonBody);
    }
  }

  override get endpointName(): string {
    const { endpointName, inferenceComponentName } = this.options;
    const component = inferenceComponentName === undefined ? '' : `, component '${inferenceComponentName}'`;
    return `SageMaker endpoint '${endpointName}'${component}`;
  }

  /** The ARN of an endpoint has its name in lower case. The account is that of the credentials. */
  override get permissions(): readonly EndpointPermission[] {
    const { endpointName, inferenceComponentName, region } = this.options;
    const arn = `arn:${partitionOf(region)}:sagemaker:${region ?? '*'}:*`;
    const names = new Set([endpointName, endpointName.toLowerCase()]);
    const resources = Array.from(names, (name) => `${arn}:endpoint/${name}`);
    if (inferenceComponentName !== undefined) resources.push(`${arn}:inference-component/${inferenceComponentName}`);
    return [{ actions: ['sagemaker:InvokeEndpoint'], resources }];
  }

  override async createClient(): Promise<SageMakerClient> {
    const { SageMakerRuntimeClient } = await import('@aws-sdk/client-sagemaker-runtime');
    const { region } = this.options;
    const runtime = new SageMakerRuntimeClient({
      ...clientConfig({
        maxAttempts: 1,
        maxSockets: this.maxConcurrency,
        socketTimeoutMillis: this.requestTimeoutSecs * 1000 + SOCKET_GRACE_MILLIS,
      }),
      ...(region !== undefined && { region }),
    });
    return { runtime, strangeAnswers: new StrangeAnswers() };
  }

  /** Returns the endpoint's name, with the parts of it that are called. */
  override describe(): Promise<EndpointInfo> {
    const { endpointName, inferenceComponentName, targetVariant, targetModel } = this.options;
    const parts = [endpointName, inferenceComponentName, targetVariant, targetModel];
    return Promise.resolve({ label: parts.filter((part) => part !== undefined).join('/'), isUnasked: true });
  }

  override async request(
    batch: readonly Input[],
    { runtime, strangeAnswers }: SageMakerClient,
    { signal, inferenceArgs }: RequestOptions,
  ): Promise<readonly Output[]> {
    const { InvokeEndpointCommand } = await import('@aws-sdk/client-sagemaker-runtime');
    const command = new InvokeEndpointCommand(this.#input(batch, inferenceArgs));
    const answer = await runtime.send(command, { abortSignal: signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw awsError(this.endpointName, error, sageMakerError);
    });
    try {
      const results = this.#results(answer.Body, answer.ContentType, batch.length);
      strangeAnswers.wasValid();
      return results;
    } catch (error) {
      throw error instanceof NotTheProtocolError ? strangeAnswers.error(this.endpointName, error.message) : error;
    }
  }

  #input(batch: readonly Input[], inferenceArgs: InferenceArgs | undefined): InvokeEndpointCommandInput {
    const { contentType = 'application/json', accept = contentType } = this.options;
    const { endpointName, inferenceComponentName, targetVariant, targetModel, customAttributes } = this.options;
    return {
      EndpointName: endpointName,
      ContentType: contentType,
      Accept: accept,
      Body: this.#body(batch, contentType, inferenceArgs),
      InferenceComponentName: inferenceComponentName,
      TargetVariant: targetVariant,
      TargetModel: targetModel,
      CustomAttributes: customAttributes,
    };
  }

  #body(batch: readonly Input[], contentType: string, inferenceArgs?: InferenceArgs): string | Uint8Array {
    const { serialize, jsonBody = 'instances' } = this.options;
    if (serialize !== undefined || !isKnown(contentType)) return serialize?.(batch, inferenceArgs) ?? '';
    return encodeBody(batch, { contentType, jsonBody }, inferenceArgs);
  }

  #results(body: Uint8Array | null, contentType: string | undefined, count: number): readonly Output[] {
    const { contentType: asked = 'application/json', accept = asked, deserialize } = this.options;
    const type = contentType || accept;
    // The SDK returns null for an empty answer, although its types do not allow it.
    if (body === null) throw new NotTheProtocolError('nothing');
    if (deserialize === undefined) return decodeBody(body, type, count) as readonly Output[]; // The user's type.
    const results = deserialize(body, type);
    if (Array.isArray(results) && results.length === count) return results;
    throw new NotTheProtocolError(`results of another number than the ${count} elements, from 'deserialize'`);
  }
}

interface Converter {
  /** Option for a function that converts bodies. */
  readonly converter: 'serialize' | 'deserialize';
  readonly given: unknown;
}

/** Checks a content type. The handler knows some; any other requires a function. */
function checkContentType(option: string, value: string | undefined, { converter, given }: Converter): void {
  if (value === undefined || given !== undefined || isKnown(value)) return;
  throw refused(option, `one of ${CONTENT_TYPES.join(', ')} without '${converter}'`, value);
}

function isKnown(contentType: string): contentType is SageMakerContentType {
  return CONTENT_TYPES.includes(contentType);
}

function refused(option: string, rule: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot create SageMakerModelHandler as '${option}' must be ${rule}: current value is ${String(value)}`,
  );
}
