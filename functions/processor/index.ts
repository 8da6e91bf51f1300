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
import { duringRuns } from './during-runs.ts';

/** Lambda stops the initialization of a function after 10 s and starts it again; until then it has more CPU than later. */
const MAX_WARM_MILLIS = 8000;
/** A run can last 15 minutes, and the governor reads metrics once a minute. */
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

// An error here fails each message that arrives, with the same reason.
const warm = processor.warm().catch((error: unknown) => {
  telemetry.error('the engine could not be started', { error: describeError(error) });
});
await Promise.race([warm, delay(MAX_WARM_MILLIS, undefined, { ref: false })]);

export const handler = telemetry.instrument(duringRuns(processor.handler, PUBLISH_EVERY_MILLIS, () => engine.sync()));
