import { BATCHING_OPTIONS, type BatchingOptions } from '../batching/batching-options.ts';
import type { ModelHandlerKind } from '../models/handler-capabilities.ts';
import { MODEL_HANDLER_OPTIONS } from '../models/model-handler-options.ts';
import { type InferenceArgs, ModelHandler } from '../models/model-handler.ts';
import { type OptionNames, withKnownNames } from '../models/option-names.ts';
import type { TensorMetadata } from '../models/tensor.ts';
import { judgeError } from './endpoint/judge-error.ts';
import type { TokenUsage } from './token-usage.ts';
import { checkRateLimits, type RateLimit } from './flow/rate-limit.ts';
import type { SecretReference } from './secrets/secret-reference.ts';

const DEFAULT_NUM_RETRIES = 5;
const DEFAULT_TIMEOUT_SECS = 60;
const DEFAULT_MAX_CONCURRENCY = 256;
/** One day. Timers accept up to 24 days, and fire at once for more. */
const MAX_TIMEOUT_SECS = 86_400;

/** Options of every remote model handler. */
export interface RemoteModelHandlerOptions<Input = unknown> extends BatchingOptions<Input> {
  /** Retries of a failed request that may succeed; throttled requests don't count. @default 5 */
  readonly numRetries?: number;
  /** Timeout of one request in seconds, limited by the step's `timeoutSecs`. @default 60 */
  readonly timeoutSecs?: number;
  /** Maximum in-flight requests per engine; the actual number adapts to latency. @default 256 */
  readonly maxConcurrency?: number;
  /**
   * Seconds after which an element fails if the endpoint throttles it without interruption, within one attempt at its
   * bundle. @default no limit
   */
  readonly maxThrottledSecs?: number;
  /** Known quotas of the endpoint. Other quotas are learned from its answers. @default none */
  readonly rateLimits?: readonly RateLimit[];
}

export const REMOTE_OPTIONS = {
  ...BATCHING_OPTIONS,
  numRetries: true,
  timeoutSecs: true,
  maxConcurrency: true,
  maxThrottledSecs: true,
  rateLimits: true,
} as const satisfies Record<keyof RemoteModelHandlerOptions, true>;

/** Options that `request` gets with each batch. */
export interface RequestOptions {
  /** Aborted when the request times out, or its answer is no longer needed. */
  readonly signal: AbortSignal;
  /** Arguments of the step and of the elements; a copy for each request. */
  readonly inferenceArgs?: InferenceArgs;
  /** Receives the tokens that the endpoint counted for an answer, also for one that is not a prediction. */
  readonly reportUsage?: (usage: TokenUsage) => void;
}

/** Description of a model by its endpoint. */
export interface EndpointInfo {
  /** The model in result lines: its version, or its name. */
  readonly label: string;
  /** The model in manifests. @default the label */
  readonly digest?: string;
  /** The model's inputs, where elements are shaped by them. */
  readonly inputs?: readonly TensorMetadata[];
  /** The model's outputs, if they are known. */
  readonly outputs?: readonly TensorMetadata[];
  /** True if the handler did not ask the endpoint, which may be unreachable. @default false */
  readonly isUnasked?: boolean;
}

/** Permission that a handler needs in AWS; as in `lambda({ permissions })`. */
export interface EndpointPermission {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/**
 * Calls a model that another service runs (Apache Beam's RemoteModelHandler). It runs in the engine's process, with many
 * requests in flight at once, at the rate that the endpoint accepts.
 *
 *     class Sentiment extends RemoteModelHandler<string, number, Client> {
 *       override createClient() { return new Client(process.env.SENTIMENT_URL); }
 *       override async request(batch, client, { signal }) { return client.scores(batch, { signal }); }
 *     }
 *
 * @typeParam Client - the result of `createClient`, one per engine
 */
export abstract class RemoteModelHandler<Input = unknown, Output = unknown, Client = unknown> extends ModelHandler<
  Input,
  Output,
  Client
> {
  static override readonly optionNames: OptionNames = REMOTE_OPTIONS;
  declare readonly options: RemoteModelHandlerOptions<Input>;
  readonly numRetries: number;
  readonly requestTimeoutSecs: number;
  readonly maxConcurrency: number;
  readonly maxThrottledSecs: number;
  readonly rateLimits: readonly RateLimit[];

  /** @throws RangeError, TypeError where an option breaks its rule. */
  constructor(options: RemoteModelHandlerOptions<Input> = {}) {
    checkNotLocal(options, new.target.name);
    super({ ...withKnownNames(options, new.target), ...weightBound(options) });
    const handler = this.constructor.name;
    this.numRetries = options.numRetries ?? DEFAULT_NUM_RETRIES;
    this.requestTimeoutSecs = options.timeoutSecs ?? DEFAULT_TIMEOUT_SECS;
    this.maxConcurrency = options.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY;
    this.maxThrottledSecs = options.maxThrottledSecs ?? Infinity;
    this.rateLimits = checkRateLimits(options.rateLimits ?? [], handler);
    checkNumber(this.numRetries, {
      handler,
      option: 'numRetries',
      rule: 'an integer of at least 0',
      isMet: (value) => Number.isInteger(value) && value >= 0,
    });
    checkNumber(this.requestTimeoutSecs, {
      handler,
      option: 'timeoutSecs',
      rule: `a positive number of at most ${MAX_TIMEOUT_SECS}`,
      isMet: (value) => value > 0 && value <= MAX_TIMEOUT_SECS,
    });
    checkNumber(this.maxThrottledSecs, {
      handler,
      option: 'maxThrottledSecs',
      rule: 'a positive number',
      isMet: (value) => value > 0,
    });
    checkNumber(this.maxConcurrency, {
      handler,
      option: 'maxConcurrency',
      rule: 'a positive integer',
      isMet: (value) => Number.isInteger(value) && value >= 1,
    });
  }

  override get kind(): ModelHandlerKind {
    return 'remote';
  }

  override get requiredMethods(): readonly string[] {
    return ['createClient', 'request'];
  }

  /** The endpoint in messages: its model and address, without secrets. */
  get endpointName(): string {
    return this.constructor.name;
  }

  /** Secrets that the handler reads; a deployed function can read only these. */
  get secretReferences(): readonly SecretReference[] {
    return [];
  }

  /** Warnings to print before the first request, such as secrets that are sent without encryption. */
  get warnings(): readonly string[] {
    return [];
  }

  /** Permissions that the handler needs in AWS. */
  get permissions(): readonly EndpointPermission[] {
    return [];
  }

  /** Creates the client for requests, one per engine. A rejection means that the endpoint can't be used: the run ends. */
  abstract createClient(): Promise<Client> | Client;

  /**
   * Makes one request to the endpoint, and returns a result for each element of the batch, in order. A result that is an
   * `Error` fails only its element: the element is requested again if that may help, and the others keep their results.
   *
   * An error that is thrown is attributed to the batch. The request is retried if {@link isThrottled} or
   * {@link isRetryable} returns true. Otherwise the batch is split in halves until the elements that cause the error are
   * found. For an API that accepts one element per request, set `maxBatchSize: 1`: rate limits count calls of this method.
   */
  abstract request(
    batch: readonly Input[],
    client: Client,
    options: RequestOptions,
  ): Promise<readonly (Output | Error)[]>;

  /** Asks the endpoint for a description of its model, before the first request. @default the class's name, no inputs */
  describe?(client: Client, options: { readonly signal: AbortSignal }): Promise<EndpointInfo>;

  /** Returns the model that an element names, for its result lines. Never throws. @default the endpoint's, for all */
  modelOf?(element: Input): string | undefined;

  /** Returns true if a request that failed with this error may succeed when it is retried. */
  isRetryable(error: unknown): boolean {
    return judgeError(error).verdict === 'retry';
  }

  /** Returns true if the endpoint refused the request only because there were too many requests. */
  isThrottled(error: unknown): boolean {
    return judgeError(error).verdict === 'throttled';
  }

  override loadModel(): Promise<Client> | Client {
    return this.createClient();
  }

  override runInference(): never {
    throw new TypeError(`${this.constructor.name} has no model to run here: an engine calls its 'request'`);
  }
}

/** Checks whether a handler, without the functions around it, is a RemoteModelHandler. */
export function isRemote(handler: ModelHandler): handler is RemoteModelHandler {
  return handler.kind === 'remote';
}

/** @throws TypeError for an option of models that run in local processes, which would have no effect. */
function checkNotLocal(options: object, handler: string): void {
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(REMOTE_OPTIONS, option) || !Object.hasOwn(MODEL_HANDLER_OPTIONS, option)) continue;
    throw new TypeError(`Cannot create ${handler}: '${option}' is an option of handlers whose model runs here`);
  }
}

/** Limits the weight of a batch, which must fit in the smallest of the rate limits. */
function weightBound({ rateLimits = [], elementSizeFn, maxBatchWeight }: RemoteModelHandlerOptions<never>) {
  const weights = rateLimits.flatMap(({ weight }) => weight ?? []);
  if (elementSizeFn === undefined || maxBatchWeight !== undefined || weights.length === 0) return {};
  return { maxBatchWeight: Math.min(...weights) };
}

interface NumberRule {
  readonly handler: string;
  readonly option: string;
  /** Rule in words, after `must be`. */
  readonly rule: string;
  readonly isMet: (value: number) => boolean;
}

function checkNumber(value: number, { handler, option, rule, isMet }: NumberRule): void {
  if (isMet(value)) return;
  throw new RangeError(`Cannot create ${handler} as '${option}' must be ${rule}: current value is ${value}`);
}
