import type { InferenceArgs } from '../../models/model-handler.ts';
import type { TokenUsage } from '../token-usage.ts';

export interface AskOptions {
  readonly inferenceArgs?: InferenceArgs;
  /** Sum of the elements' weights; 1 per element if they are unknown. */
  readonly weight: number;
  /** Timeout of one request. */
  readonly timeoutMillis: number;
  /** True for a piece of a failed batch: if it has several elements, it is tried once. */
  readonly isolating: boolean;
  /** Number of earlier requests for these elements, which count as retries. @default 0 */
  readonly triesBefore?: number;
  /**
   * Maximum certain wait of the batch: for a pause that the endpoint asked for, a declared limit, or a retry. Time in the
   * line does not count. @default no limit
   */
  readonly patienceMillis?: number;
  /** Aborted: no new request is made for the batch. An in-flight request continues. */
  readonly signal: AbortSignal;
  /** Aborted: an in-flight request is cancelled, too. */
  readonly killSignal: AbortSignal;
  /** Called before the end of the batch, also if it throws, with the requests and answers so far. */
  readonly onEnded?: (batch: EndedBatch) => void;
}

/** Result of one element of a batch. */
export type ElementAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: Error };

/** Result of a batch, and the number of its requests that were not throttled. */
export type BatchAnswer = { readonly tries: number } & (
  | {
      readonly kind: 'answered';
      readonly answers: readonly ElementAnswer[];
      /** Duration of the request, if a single one answered the whole batch. */
      readonly millis?: number;
    }
  /** The batch as a whole was not answered. `fatal`: no other batch will be. */
  | { readonly kind: 'failed'; readonly cause: 'error' | 'timeout' | 'fatal'; readonly error: Error }
);

/** Requests and answers of a batch that has ended, in the batch's order. */
export interface EndedBatch {
  /** Number of requests of each element, without throttled ones. */
  readonly tries: readonly number[];
  /** Each element's share of the tokens that were counted for its requests; absent if no tokens were counted. */
  readonly usage?: readonly (TokenUsage | undefined)[];
  /** Undefined for an element that was not answered. */
  readonly answers: readonly (ElementAnswer | undefined)[];
}
