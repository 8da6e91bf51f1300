import { BATCHING_OPTIONS, type BatchingOptions } from '../batching/batching-options.ts';
import {
  type InferenceArgs,
  MODEL_HANDLER_OPTIONS,
  ModelHandler,
  type ModelHandlerKind,
} from '../models/model-handler.ts';
import { type OptionNames, withKnownNames } from '../models/option-names.ts';
import type { TensorMetadata } from '../models/tensor.ts';
import { judgeError } from './endpoint/judge-error.ts';
import type { TokenUsage } from './token-usage.ts';
import { checkRateLimits, type RateLimit } from './flow/rate-limit.ts';
import type { SecretReference } from './secrets/secret-reference.ts';

const DEFAULT_NUM_RETRIES = 5;
const DEFAULT_TIMEOUT_SECS = 60;
const DEFAULT_MAX_CONCURRENCY = 256;
/** A day. Timers take 24 of them, and fire at once for more. */
const MAX_TIMEOUT_SECS = 86_400;

export interface RemoteModelHandlerOptions<Input = unknown> extends BatchingOptions<Input> {
  /**
   * How often a request is made again that failed and may not the next time. One that the endpoint throttles does not
   * count. @default 5
   */
  readonly numRetries?: number;
  /** Seconds that one request may take, the step's `timeoutSecs` at most. @default 60 */
  readonly timeoutSecs?: number;
  /** The most requests that an engine has under way at once; how many there are follows the endpoint's latency. @default 256 */
  readonly maxConcurrency?: number;
  /**
   * Seconds for which an endpoint may throttle an element without interruption before the element fails, within one
   * attempt at its bundle. @default no limit
   */
  readonly maxThrottledSecs?: number;
  /** Quotas that are known. One that is not is learned from the endpoint's answers. @default none */
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

export interface RequestOptions {
  /** Aborted when the request's time is over, or nobody waits for its answer any more. */
  readonly signal: AbortSignal;
  /** Those of the step and of the elements; a copy for each request. */
  readonly inferenceArgs?: InferenceArgs;
  /** Receives the tokens that the endpoint counted for an answer, also for one that is not a prediction. */
  readonly reportUsage?: (usage: TokenUsage) => void;
}

/** What an endpoint says of its model. */
export interface EndpointInfo {
  /** What lines show as the model: its version, or its name. */
  readonly label: string;
  /** What manifests show. @default the label */
  readonly digest?: string;
  /** The model's inputs, where elements are shaped by them. */
  readonly inputs?: readonly TensorMetadata[];
  /** Its outputs, if they are known. */
  readonly outputs?: readonly TensorMetadata[];
  /** Whether the handler says so by itself, so that nobody knows yet if the endpoint can be reached. @default false */
  readonly isUnasked?: boolean;
}

/** What a handler may do in AWS; as in `lambda({ permissions })`. */
export interface EndpointPermission {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/**
 * Calls a model that somebody else serves (Apache Beam's RemoteModelHandler). It runs in the engine's process, with many
 * requests under way at once, paced by what the endpoint accepts.
 *
 *     class Sentiment extends RemoteModelHandler<string, number, Client> {
 *       override createClient() { return new Client(process.env.SENTIMENT_URL); }
 *       override async request(batch, client, { signal }) { return client.scores(batch, { signal }); }
 *     }
 *
 * @typeParam Client - what `createClient` gives, once an engine
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
    const name = this.constructor.name;
    this.numRetries = options.numRetries ?? DEFAULT_NUM_RETRIES;
    this.requestTimeoutSecs = options.timeoutSecs ?? DEFAULT_TIMEOUT_SECS;
    this.maxConcurrency = options.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY;
    this.maxThrottledSecs = options.maxThrottledSecs ?? Infinity;
    this.rateLimits = checkRateLimits(options.rateLimits ?? [], name);
    check(name, 'numRetries', this.numRetries, 'an integer of at least 0', (it) => Number.isInteger(it) && it >= 0);
    check(
      name,
      'timeoutSecs',
      this.requestTimeoutSecs,
      `a positive number of at most ${MAX_TIMEOUT_SECS}`,
      (it) => it > 0 && it <= MAX_TIMEOUT_SECS,
    );
    check(name, 'maxThrottledSecs', this.maxThrottledSecs, 'a positive number', (it) => it > 0);
    check(name, 'maxConcurrency', this.maxConcurrency, 'a positive integer', (it) => Number.isInteger(it) && it >= 1);
  }

  override get kind(): ModelHandlerKind {
    return 'remote';
  }

  override get requiredMethods(): readonly string[] {
    return ['createClient', 'request'];
  }

  /** What messages call the endpoint: its model and address, without anything secret. */
  get endpointName(): string {
    return this.constructor.name;
  }

  /** The secrets that it reads; a deployed function may read these and no others. */
  get secretReferences(): readonly SecretReference[] {
    return [];
  }

  /** Problems that a user should know before the first request, such as secrets that are sent without encryption. */
  get warnings(): readonly string[] {
    return [];
  }

  /** What it has to be allowed in AWS, where it calls a service there. */
  get permissions(): readonly EndpointPermission[] {
    return [];
  }

  /** Makes what requests are made with, once an engine. A rejection is an endpoint that can't be used: it ends the run. */
  abstract createClient(): Promise<Client> | Client;

  /**
   * One request to the endpoint: a result for each element of the batch, in its order. An entry that is an `Error` is the
   * failure of its element alone: it is asked again by itself where that may help, and the others keep their answers.
   *
   * What it throws is laid to the batch: it is made again where {@link isThrottled} or {@link isRetryable} say so, and
   * otherwise run in halves until the elements that cause it are found. An API that takes one element at a time wants
   * `maxBatchSize: 1`: the pace and the limits count calls of this.
   */
  abstract request(
    batch: readonly Input[],
    client: Client,
    options: RequestOptions,
  ): Promise<readonly (Output | Error)[]>;

  /** Asks the endpoint what its model is, before the first request. @default the class's name, and nothing of inputs */
  describe?(client: Client, options: { readonly signal: AbortSignal }): Promise<EndpointInfo>;

  /** Returns the model that an element names, for its result lines. Never throws. @default the endpoint's, for all */
  modelOf?(element: Input): string | undefined;

  /** Whether a request that failed with this may succeed the next time. */
  isRetryable(error: unknown): boolean {
    return judgeError(error).verdict === 'retry';
  }

  /** Whether the endpoint refused a request only because there were too many. */
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

/** @throws TypeError for an option of models that run in local processes: it would have no effect. */
function checkNotLocal(options: object, handler: string): void {
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(REMOTE_OPTIONS, option) || !Object.hasOwn(MODEL_HANDLER_OPTIONS, option)) continue;
    throw new TypeError(`Cannot create ${handler}: '${option}' is an option of handlers whose model runs here`);
  }
}

/** A batch must fit in the smallest of the limits on weight. */
function weightBound({ rateLimits = [], elementSizeFn, maxBatchWeight }: RemoteModelHandlerOptions<never>) {
  const weights = rateLimits.flatMap(({ weight }) => weight ?? []);
  if (elementSizeFn === undefined || maxBatchWeight !== undefined || weights.length === 0) return {};
  return { maxBatchWeight: Math.min(...weights) };
}

function check(name: string, option: string, value: number, rule: string, holds: (value: number) => boolean): void {
  if (holds(value)) return;
  throw new RangeError(`Cannot create ${name} as '${option}' must be ${rule}: current value is ${value}`);
}
