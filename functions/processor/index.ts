import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '../../lib/errors.ts';
import { InferenceEngine } from '../../lib/inference/engine.ts';
import { removeLeftSpools } from '../../lib/jobs/commit/outcome-spool.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { processorSettings } from '../settings.ts';
import { openTelemetry } from '../telemetry.ts';
import { createProcessorHandler } from './handler.ts';

/** Lambda gives a function 10 s to initialise, with more CPU than it has later; then it would start it anew. */
const WARM_MILLIS = 8000;

const { outputBucket, inputBuckets, queues, pipeline, config, maxReceives, cores } = processorSettings(process.env);
const telemetry = openTelemetry('processor');
const sqs = openSqsClient();

await removeLeftSpools();

const processor = createProcessorHandler({
  output: { store: openS3ObjectStore(), bucket: outputBucket },
  telemetry,
  now: Date.now,
  pipelineName: pipeline,
  bundles: openSqsQueue(queues.bundles, sqs),
  deadLetters: openSqsQueue(queues.deadLetters, sqs),
  inputBuckets,
  maxReceives,
  startEngine: () =>
    InferenceEngine.start({
      configUrl: new URL(config, import.meta.url),
      pipeline,
      cores,
      onWarning: (message) => telemetry.warn(message),
      onOutput: (line) => telemetry.info('a model handler printed', { line }),
    }),
});

// What goes wrong here fails the messages that come, one by one, and each says why.
const warm = processor.warm().catch((error: unknown) => {
  telemetry.error('the engine could not be started', { error: describeError(error) });
});
await Promise.race([warm, delay(WARM_MILLIS, undefined, { ref: false })]);

export const handler = telemetry.instrument(processor.handler);
