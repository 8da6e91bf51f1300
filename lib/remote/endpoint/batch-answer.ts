import type { InferenceArgs } from '../../models/model-handler.ts';
import type { TokenUsage } from '../token-usage.ts';

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
  /**
   * The longest that the batch may be sure to wait: for a pause that the endpoint asked for, a declared limit, or before it
   * is asked again. Its turn in line it awaits. @default as long as it takes
   */
  readonly patienceMillis?: number;
  /** Aborted: no new request is made for the batch. One that is under way goes on. */
  readonly signal: AbortSignal;
  /** Aborted: a request that is under way is given up too. */
  readonly killSignal: AbortSignal;
  /** However it ends, in a throw too: takes what was asked and what was paid for by then, before it does. */
  readonly onEnded?: (batch: EndedBatch) => void;
}

/** What became of one element of a batch. */
export type ElementAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: Error };

/** What became of a batch, and how many requests were made for it that the endpoint did not throttle. */
export type BatchAnswer = { readonly tries: number } & (
  | {
      readonly kind: 'answered';
      readonly answers: readonly ElementAnswer[];
      /** What the one request that answered all took, where it was one. */
      readonly millis?: number;
    }
  /** The batch as a whole was not answered. `fatal`: no other will be. */
  | { readonly kind: 'failed'; readonly cause: 'error' | 'timeout' | 'fatal'; readonly error: Error }
);

/** What a batch had when it ended, in the batch's order. */
export interface EndedBatch {
  /** Requests that each element was in, but for those that were throttled. */
  readonly tries: readonly number[];
  /** Each element's share of the tokens that were counted for its requests; absent if no tokens were counted. */
  readonly usage?: readonly (TokenUsage | undefined)[];
  /** Undefined where there is none. */
  readonly answers: readonly (ElementAnswer | undefined)[];
}
