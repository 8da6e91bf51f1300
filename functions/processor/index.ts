import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '../../lib/errors.ts';
import { removeLeftFolders } from '../../lib/stores/left-files.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { resetHeapLimits } from '../heap-limits.ts';
import { processorSettings } from '../settings.ts';
import { openTelemetry } from '../telemetry.ts';
import { GovernedEngine } from '../serving/governed-engine.ts';
import { createProcessorHandler } from './handler.ts';
import { whileAtWork } from './while-at-work.ts';

/** Lambda gives a function 10 s to initialise, with more CPU than it has later; then it would start it anew. */
const WARM_MILLIS = 8000;
/** A run may last a quarter of an hour; the governor looks once a minute. */
const PUBLISH_EVERY_MILLIS = 30_000;

resetHeapLimits();

const settings = processorSettings(process.env);
const { outputBucket, inputBuckets, queues, config, maxReceives } = settings;
const telemetry = openTelemetry('processor');
const sqs = openSqsClient();
const engine = new GovernedEngine({ ...settings, configUrl: new URL(config, import.meta.url), telemetry });

await removeLeftFolders({ isShared: false });

const processor = createProcessorHandler({
  output: { store: openS3ObjectStore(), bucket: outputBucket },
  telemetry,
  now: Date.now,
  pipelineName: settings.pipeline,
  bundles: openSqsQueue(queues.bundles, sqs),
  deadLetters: openSqsQueue(queues.deadLetters, sqs),
  inputBuckets,
  maxReceives,
  startEngine: () => engine.start(),
});

// What goes wrong here fails the messages that come, one by one, and each says why.
const warm = processor.warm().catch((error: unknown) => {
  telemetry.error('the engine could not be started', { error: describeError(error) });
});
await Promise.race([warm, delay(WARM_MILLIS, undefined, { ref: false })]);

export const handler = telemetry.instrument(
  whileAtWork(processor.handler, PUBLISH_EVERY_MILLIS, () => engine.keepTouch()),
);
