import type { InferenceEngine } from '../../inference/engine/engine.ts';
import type { Bundle } from '../../inference/bundle.ts';
import type { MessageQueue, ReceivedMessage } from '../../stores/message-queue.ts';
import type { PartPlace } from '../output-layout.ts';
import type { Deadline, FabricPorts, PipelineQueues } from '../fabric-ports.ts';

export interface BundleProcessorOptions extends FabricPorts, PipelineQueues {
  readonly engine: Pick<InferenceEngine, 'pipeline' | 'process'>;
  readonly pipelineName: string;
  /** Queue that bundles come from, and are requeued in. */
  readonly bundles: MessageQueue;
  /** Buckets from which objects can be read. */
  readonly inputBuckets: readonly string[];
  /** Receives after which the queue moves a message to its dead-letter queue. */
  readonly maxReceives: number;
}

/** One receive of a message: the time that it has, and what it works with. */
export interface Attempt {
  readonly received: ReceivedMessage;
  readonly deadline: Deadline;
  readonly options: BundleProcessorOptions;
}

/** One receive of a message that is about a bundle. */
export interface BundleAttempt extends Attempt {
  readonly place: PartPlace;
  readonly bundle: Bundle;
  /** Receives of earlier messages that this one replaces. @default 0 */
  readonly receivesBefore?: number;
  /** Called before a part is committed, and before one that was found is settled. @default nothing */
  readonly beforeSettling?: () => Promise<void>;
}
