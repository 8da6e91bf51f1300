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
import { createLocalQueues, type LocalQueues, messagesIn } from './local-queues.ts';
import { Notifications } from './notifications.ts';

export interface LocalFabricOptions {
  /** The config module, and the fabric that it exports. */
  readonly configUrl: URL;
  readonly fabric: Fabric;
  readonly telemetry: Telemetry;
  /** Threads of each pipeline's engine that take bundles. @default the cores */
  readonly workers?: number | undefined;
  /** How long a run of a processor may take. @default 900, the longest there is on AWS */
  readonly timeoutSecs?: number | undefined;
  /** Buckets beside the fabric's own whose objects manifests may name. @default none */
  readonly inputBuckets?: readonly string[];
  /** Takes what model handlers print, a line at a time. @default it is dropped */
  readonly onOutput?: ((line: string) => void) | undefined;
  /** A job has ended; may be called more than once for the same end. */
  readonly onJobEnded?: (event: JobEvent) => void;
}

/** A whole fabric in this process, with S3 and SQS in memory. */
export interface LocalFabric extends AsyncDisposable {
  readonly endpoint: string;
  readonly store: ObjectStore;
  readonly queues: LocalQueues;
  /** Calls a listener, which must not throw, for each object that is written or removed, in whichever bucket. */
  onChanged(listener: (object: ObjectRemoved) => void): void;
  /** Resolves when everything that was written to the input bucket so far has been dealt with. */
  idle(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Messages that were given up, after as many tries as a queue has. */
  parked(): Promise<number>;
}

export const INPUT_BUCKET = 'input';
export const OUTPUT_BUCKET = 'output';

const IDLE_POLL_MILLIS = 100;

/**
 * Starts a fabric: the functions' own handlers behind pollers that do as Lambda's, and an engine for each pipeline that
 * has had a message. While it runs, the AWS settings of this process lead to it.
 */
export async function startLocalFabric(options: LocalFabricOptions): Promise<LocalFabric> {
  const { configUrl, fabric, telemetry, workers, timeoutSecs, inputBuckets = [], onOutput, onJobEnded } = options;
  await using starting = new AsyncDisposableStack();
  const aws = starting.use(await startEmbeddedAws());
  // Before anything opens a client, and before engines start: their workers and hosts inherit it.
  starting.use(useEmulator(aws.endpoint));
  const store = starting.use(openS3ObjectStore());
  const sqs = starting.adopt(openSqsClient(), (client) => client.destroy());
  for (const bucket of [INPUT_BUCKET, OUTPUT_BUCKET, ...inputBuckets]) await aws.createBucket(bucket);
  const queues = await createLocalQueues(aws, Object.keys(fabric.pipelines), sqs);
  const notifications = new Notifications({
    bucket: INPUT_BUCKET,
    queue: queues.intake.queue,
    now: Date.now,
    onError: (error) => telemetry.error('an event could not be sent', { error: describeError(error) }),
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
  // In the order in which messages go through them: whoever takes one sends on first, so that none is missed in between.
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
      while ((await messagesIn(urls, sqs)) > 0) await delay(IDLE_POLL_MILLIS, undefined, { signal });
    },
    parked: () =>
      messagesIn(
        all.map(({ parkedUrl }) => parkedUrl),
        sqs,
      ),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
