import type { InferenceEngine } from '../../inference/engine/engine.ts';
import type { MessageQueue, ReceivedMessage } from '../../stores/message-queue.ts';
import type { Deadline, FabricPorts, PipelineQueues } from '../fabric-ports.ts';

export interface BundleProcessorOptions extends FabricPorts, PipelineQueues {
  readonly engine: Pick<InferenceEngine, 'pipeline' | 'process'>;
  readonly pipelineName: string;
  /** Where bundles come from, and go when they are handed back. */
  readonly bundles: MessageQueue;
  /** The buckets that objects may be read from. */
  readonly inputBuckets: readonly string[];
  /** After so many receives the queue itself gives a message up. */
  readonly maxReceives: number;
}

/** One receive of a message. */
export interface Attempt {
  readonly received: ReceivedMessage;
  readonly deadline: Deadline;
}
