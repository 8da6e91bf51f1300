import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { eachPipeline, readPipelineFacts } from '../pipeline-facts-file.ts';
import { finalizerSettings } from '../settings.ts';
import { openTelemetry } from '../telemetry.ts';
import { createFinalizerHandler } from './handler.ts';
import { eventBusNotifier } from './notify.ts';

const { outputBucket, queues, eventBus } = finalizerSettings(process.env);
const telemetry = openTelemetry('finalizer');
const sqs = openSqsClient();
const sendEvent = eventBus === undefined ? undefined : eventBusNotifier(eventBus);

export const handler = telemetry.instrument(
  createFinalizerHandler({
    output: { store: openS3ObjectStore(), bucket: outputBucket },
    telemetry,
    now: Date.now,
    queue: openSqsQueue(queues.finalizer, sqs),
    pipelines: eachPipeline(await readPipelineFacts(import.meta.url), queues.deadLetters, (facts, url) => ({
      facts,
      deadLetters: openSqsQueue(url, sqs),
    })),
    async notify(event) {
      telemetry.info('a job has ended', { event });
      await sendEvent?.(event);
    },
  }),
);
