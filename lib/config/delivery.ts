// Facts about the delivery of messages that the deployed fabric, the local one and the consumers share.

/** Number of receives after which a queue gives a message up: a first try and four retries. */
export const MAX_RECEIVES = 5;

/** Maximum number of messages that SQS returns for one request. */
export const MAX_RECEIVE_MESSAGES = 10;
/** Maximum time, in seconds, for which SQS holds a request while the queue is empty. */
export const MAX_RECEIVE_WAIT_SECS = 20;

/** Seconds for which a consumer hides a message that it receives, unless the pipeline sets others. It renews them. */
export const DEFAULT_VISIBILITY_SECS = 90;

/** Maximum time, in seconds, for which Lambda gathers messages before it invokes a function. */
export const MAX_BATCH_WINDOW_SECS = 300;

/** How Lambda gathers messages of a queue for one invocation. */
export interface BatchedPolling {
  /** Maximum number of messages of one invocation. */
  readonly batchSize: number;
  /** Seconds for which messages are gathered. @default an invocation starts with the messages of one receive */
  readonly batchWindowSecs?: number;
}

/**
 * Returns how the bundles of a pipeline are polled. Without a duration an invocation processes one bundle, so that a bundle
 * costs one invocation. With one, batches of elements can cross bundles, and an invocation processes several of them.
 *
 * @param maxBatchDurationSecs - shortest of the pipeline's handlers; undefined if none of them has one
 */
export function bundlePolling(maxBatchDurationSecs: number | undefined): BatchedPolling {
  if (maxBatchDurationSecs === undefined) return { batchSize: 1 };
  const batchWindowSecs = Math.min(MAX_BATCH_WINDOW_SECS, Math.ceil(maxBatchDurationSecs));
  return { batchSize: MAX_RECEIVE_MESSAGES, batchWindowSecs };
}
