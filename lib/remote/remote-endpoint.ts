import type { InferenceArgs } from '../models/model-handler.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Clock, SYSTEM_CLOCK } from './clock.ts';
import type { EndpointInfo, RemoteModelHandler } from './remote-model-handler.ts';

export interface RemoteEndpointOptions {
  readonly handler: RemoteModelHandler;
  readonly metrics: Metrics;
  /** How many engines share the limits that are declared. @default 1 */
  readonly fleet?: number;
  /** Takes what a user should know: that the endpoint throttles, fails altogether, answers again. */
  readonly onWarning?: (message: string) => void;
  /** @default the system's */
  readonly clock?: Clock;
  /** From 0 to 1, below 1. @default Math.random */
  readonly random?: () => number;
}

export interface AskOptions {
  readonly inferenceArgs?: InferenceArgs;
  /** The sum of the elements' weights; 1 each where nothing else is known. */
  readonly weight: number;
  /** The most that one request may take. */
  readonly timeoutMillis: number;
  /** A piece of a batch that failed: one of several elements is tried once. */
  readonly isolating: boolean;
  /** Requests that were made for these elements before, which count as retries. @default 0 */
  readonly triesBefore?: number;
  /** The longest that the batch may wait for its turn. @default as long as it takes */
  readonly patienceMillis?: number;
  /** Aborted: no new request is made for the batch. One that is under way goes on. */
  readonly signal: AbortSignal;
  /** Aborted: a request that is under way is given up too. */
  readonly killSignal: AbortSignal;
}

/** What became of one element of a batch. */
export type ElementAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: Error };

/** What became of a batch, and how many requests were made for it that the endpoint did not throttle. */
export type BatchAnswer = { readonly tries: number } & (
  | { readonly kind: 'answered'; readonly answers: readonly ElementAnswer[] }
  /** The batch as a whole was not answered. `fatal`: no other will be. */
  | { readonly kind: 'failed'; readonly cause: 'error' | 'timeout' | 'fatal'; readonly error: Error }
);

/** One endpoint as an engine sees it: its client, and all that keeps requests within what it accepts. */
export class RemoteEndpoint {
  readonly #options: RemoteEndpointOptions;
  readonly #clock: Clock;

  constructor(options: RemoteEndpointOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  /** Makes the client, and asks what the model is. Once: later calls give the same. @throws ModelLoadError */
  async open(): Promise<EndpointInfo> {
    throw new Error(`not built yet: ${this.#options.handler.endpointName} ${this.#clock.now()}`);
  }

  /**
   * Asks for a batch's predictions, again where that helps. Waits for its turn as long as it takes or `patienceMillis`.
   *
   * @throws the signal's reason; EndpointBusyError where it would have to wait too long.
   */
  async ask(_batch: readonly unknown[], _options: AskOptions): Promise<BatchAnswer> {
    throw new Error('not built yet');
  }

  /** Declared limits are shared by so many engines. */
  shareLimits(_fleet: number): void {}
}
