import type { PipelineFacts } from '../config/pipeline-facts.ts';
import type { MessageQueue } from '../stores/message-queue.ts';
import type { ObjectStore, StoreOptions } from '../stores/object-store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Counts, JobStatus } from './manifest.ts';

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
  /** `s3://<output>/<pipeline>/<anything>/_manifest.json` */
  readonly manifest: string;
}

/** Where committed results are. */
export interface OutputBucket {
  readonly store: ObjectStore;
  readonly bucket: string;
}

/** The output bucket, with what aborts requests to it. */
export interface OutputAccess extends OutputBucket, StoreOptions {}

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
  /** Aborted when it is time to requeue the rest of the work; before `remainingMillis` is 0. */
  readonly signal: AbortSignal;
  /** The most that requests to endpoints may take to end after the signal. @default a share of the run's time */
  readonly drainMillis?: number;
  /** Keeps the message from others. @default it is to be hidden once, for as long as the run may take */
  readonly hold?: MessageHold;
}

/** Keeps a message invisible while it is processed, by extending its visibility timeout from time to time. */
export interface MessageHold {
  /** How long that while is, in milliseconds: a message whose worker was killed comes again after it. */
  readonly millis: number;
  /** Runs work after each extension. Disposing of the result ends that, and waits for work in flight. */
  onRenewed(work: () => Promise<void>): AsyncDisposable;
  /** Ends the extensions; from then on the caller sets the visibility timeout. */
  end(): Promise<void>;
}
