import type { PipelineFacts } from '../config/pipeline-facts.ts';
import type { MessageQueue } from '../stores/message-queue.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Counts, JobStatus } from './manifest.ts';
import type { OutputBucket } from './commit/part-metadata.ts';

export type { PipelineFacts };

/** The queues of one pipeline. */
export interface PipelineQueues {
  readonly bundles: MessageQueue;
  /** Where failed elements go. */
  readonly deadLetters: MessageQueue;
}

/** How a job ended: sent at least once. */
export interface JobEvent {
  readonly pipeline: string;
  readonly job: string;
  readonly status: JobStatus;
  readonly counts: Counts;
  /** `s3://<output>/<pipeline>/<anything>/manifest.json` */
  readonly manifest: string;
}

/** The world as the fabric sees it, wherever it runs. */
export interface FabricPorts {
  readonly output: OutputBucket;
  readonly telemetry: Telemetry;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The time that a run of a function has. */
export interface Deadline {
  /** Milliseconds until the function is stopped. */
  remainingMillis(): number;
  /** Aborted when it is time to put things in order and hand back what is left; before `remainingMillis` is 0. */
  readonly signal: AbortSignal;
}
