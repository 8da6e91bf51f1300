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

/** A serverless endpoint takes 4 MB, and numbers are longer in text than they are in memory. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
/** The request's own clock comes first. */
const SOCKET_GRACE_MILLIS = 5_000;
/** https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html */
const ENDPOINT_NAME = /^[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}$/;

export interface SageMakerModelHandlerOptions<
  Input = unknown,
  Output = unknown,
> extends RemoteModelHandlerOptions<Input> {
  readonly endpointName: string;
  /** @default the SDK's own settings: AWS_REGION, a profile */
  readonly region?: string;
  /**
   * What a request's body is: `application/json`, `application/jsonlines` or `text/csv`; any with `serialize`.
   * @default 'application/json'
   */
  readonly contentType?: string;
  /** What the answer's body should be: one of those; any with `deserialize`. @default as `contentType` */
  readonly accept?: string;
  /**
   * How a body of `application/json` holds a batch: `{"instances": [...]}`, `{"inputs": [...]}` or `[...]`. The answer may
   * be an array, or an object with one in `predictions` or `outputs`. @default 'instances'
   */
  readonly jsonBody?: SageMakerJsonBody;
  readonly inferenceComponentName?: string;
  readonly targetVariant?: string;
  /** The model of a multi-model endpoint, as `TargetModel` has it. */
  readonly targetModel?: string;
  /** Sent as `CustomAttributes`: nothing secret. */
  readonly customAttributes?: string;
  /** Makes a request's body of a batch, of any content type. @default by `contentType` */
  readonly serialize?: (batch: readonly Input[], inferenceArgs?: InferenceArgs) => string | Uint8Array;
  /** Makes the results of an answer's body, one for each element of the batch. @default by the answer's content type */
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

/** What {@link SageMakerModelHandler} asks with. */
export interface SageMakerClient {
  readonly runtime: SageMakerRuntimeClient;
  readonly strangeAnswers: StrangeAnswers;
}

/** Calls a real-time endpoint of Amazon SageMaker AI, one InvokeEndpoint for each batch. */
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
    checkContentType('contentType', contentType, 'serialize', options.serialize);
    checkContentType('accept', accept ?? contentType, 'deserialize', options.deserialize);
    if (jsonBody !== undefined && !['instances', 'inputs', 'array'].includes(jsonBody)) {
      throw refused('jsonBody', "'instances', 'inputs' or 'array'", jsonBody);
    }
  }

  override get endpointName(): string {
    const { endpointName, inferenceComponentName } = this.options;
    const component = inferenceComponentName === undefined ? '' : `, component '${inferenceComponentName}'`;
    return `SageMaker endpoint '${endpointName}'${component}`;
  }

  /** An endpoint's ARN has its name in lower case; the account is whichever the credentials are of. */
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

  /** The endpoint's name, with those of its parts that are asked. */
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
      strangeAnswers.wasRight();
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
    // The SDK has null where an answer is empty, whatever its types say.
    if (body === null) throw new NotTheProtocolError('nothing');
    if (deserialize === undefined) return decodeBody(body, type, count) as readonly Output[]; // As the user says it is.
    const results = deserialize(body, type);
    if (Array.isArray(results) && results.length === count) return results;
    throw new NotTheProtocolError(`another number of results than the ${count} that were asked for, by 'deserialize'`);
  }
}

/** A handler knows some content types; for any other there must be a function. */
function checkContentType(option: string, value: string | undefined, name: string, fn: unknown): void {
  if (value === undefined || fn !== undefined || isKnown(value)) return;
  throw refused(option, `one of ${CONTENT_TYPES.join(', ')} where there is no '${name}'`, value);
}

function isKnown(contentType: string): contentType is SageMakerContentType {
  return CONTENT_TYPES.includes(contentType);
}

function refused(option: string, rule: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot create SageMakerModelHandler as '${option}' must be ${rule}: current value is ${String(value)}`,
  );
}
