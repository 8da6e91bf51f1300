import { setTimeout as delay } from 'node:timers/promises';
import type { Fabric } from '../../lib/config/fabric.ts';
import { describeError } from '../../lib/errors.ts';
import type { JobEvent } from '../../lib/jobs/fabric-ports.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient } from '../../lib/stores/sqs-queue.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { type ObjectRemoved, startEmbeddedAws } from './embedded-aws.ts';
import { useEmulator } from './emulator-environment.ts';
import { startLocalFunctions } from './local-functions.ts';
import { areEmpty, createLocalQueues, type LocalQueues, messagesIn } from './local-queues.ts';
import { Notifications } from './notifications.ts';

export interface LocalFabricOptions {
  /** Config module, and the fabric that it exports. */
  readonly configUrl: URL;
  readonly fabric: Fabric;
  readonly telemetry: Telemetry;
  /** Worker threads of each pipeline's engine. @default number of cores */
  readonly workers?: number | undefined;
  /** Timeout of a processor's invocation, in seconds. @default 900, the maximum on AWS */
  readonly timeoutSecs?: number | undefined;
  /** Additional buckets whose objects manifests can name. @default none */
  readonly inputBuckets?: readonly string[];
  /** Called with each line that model handlers print. @default the output is dropped */
  readonly onOutput?: ((line: string) => void) | undefined;
  /** Called when a job has ended, possibly more than once for the same end. */
  readonly onJobEnded?: (event: JobEvent) => void;
}

/** A whole fabric in this process, with S3 and SQS in memory. */
export interface LocalFabric extends AsyncDisposable {
  readonly endpoint: string;
  readonly store: ObjectStore;
  readonly queues: LocalQueues;
  /** Calls a listener, which must not throw, for each object that is written or removed in any bucket. */
  onChanged(listener: (object: ObjectRemoved) => void): void;
  /** Resolves when all objects that were written to the input bucket so far are processed. */
  idle(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Returns the number of messages that failed all retries. */
  parked(): Promise<number>;
}

export const INPUT_BUCKET = 'input';
export const OUTPUT_BUCKET = 'output';

const IDLE_POLL_MILLIS = 100;

/**
 * Starts a fabric: the handlers of the functions behind pollers that behave like Lambda's, and an engine for each
 * pipeline that has received a message. While it runs, the AWS settings of this process point to it.
 */
export async function startLocalFabric(options: LocalFabricOptions): Promise<LocalFabric> {
  const { configUrl, fabric, telemetry, workers, timeoutSecs, inputBuckets = [], onOutput, onJobEnded } = options;
  await using starting = new AsyncDisposableStack();
  const aws = starting.use(await startEmbeddedAws());
  // Set before any client is opened, and before engines start: their workers and hosts inherit it.
  starting.use(useEmulator(aws.endpoint));
  const store = starting.use(openS3ObjectStore());
  const sqs = starting.adopt(openSqsClient(), (client) => client.destroy());
  for (const bucket of [INPUT_BUCKET, OUTPUT_BUCKET, ...inputBuckets]) await aws.createBucket(bucket);
  const queues = await createLocalQueues(aws, Object.keys(fabric.pipelines), sqs);
  const notifications = new Notifications({
    bucket: INPUT_BUCKET,
    queue: queues.intake.queue,
    now: Date.now,
    onError: (error) => telemetry.error('could not send an event', { error: describeError(error) }),
  });
  aws.onWritten((object) => notifications.objectWritten(object));
  starting.use(
    startLocalFunctions({
      output: { store, bucket: OUTPUT_BUCKET },
      telemetry,
      now: Date.now,
      configUrl,
      fabric,
      queues,
      inputBuckets: [INPUT_BUCKET, ...inputBuckets],
      workers,
      timeoutSecs,
      onOutput,
      notify: async (event) => onJobEnded?.(event),
    }),
  );
  // Counted in the order in which messages pass through them. A consumer sends its messages before it deletes the one that
  // it received, so no message is missed in between.
  const all = [queues.intake, ...queues.bundles.values(), queues.finalizer];
  const resources = starting.move();
  return {
    endpoint: aws.endpoint,
    store,
    queues,
    onChanged(listener) {
      aws.onWritten(listener);
      aws.onRemoved(listener);
    },
    async idle({ signal } = {}) {
      await notifications.settled();
      const urls = all.map(({ url }) => url);
      while (!(await areEmpty(urls, sqs))) await delay(IDLE_POLL_MILLIS, undefined, { signal });
    },
    parked: () =>
      messagesIn(
        all.map(({ parkedUrl }) => parkedUrl),
        sqs,
      ),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
