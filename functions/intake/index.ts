import type { SQSEvent } from 'aws-lambda';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { eachPipeline, readPipelineFacts } from '../pipeline-facts-file.ts';
import type { LambdaClock } from '../lambda-deadline.ts';
import { intakeSettings } from '../settings.ts';
import { openTelemetry } from '../telemetry.ts';
import { createIntakeHandler } from './handler.ts';
import { isLookRequest, lookAtQueues, type LookRequest } from './look-at-queues.ts';

const { outputBucket, inputBuckets, queues, maxReceives } = intakeSettings(process.env);
const telemetry = openTelemetry('intake');
const sqs = openSqsClient();
const pipelines = await readPipelineFacts(import.meta.url);
const jobQueues = eachPipeline(pipelines, queues.bundles, (_facts, bundles) => ({
  bundles,
  finalizer: queues.finalizer,
}));

const planObjects = createIntakeHandler({
  output: { store: openS3ObjectStore(), bucket: outputBucket },
  telemetry,
  now: Date.now,
  maxReceives,
  inputBuckets,
  pipelines,
  queues: {
    intake: openSqsQueue(queues.intake, sqs),
    finalizer: openSqsQueue(queues.finalizer, sqs),
    bundles: eachPipeline(pipelines, queues.bundles, (_facts, url) => openSqsQueue(url, sqs)),
  },
  jobQueues: (pipeline) => {
    const found = jobQueues[pipeline];
    if (found === undefined) throw new RangeError(`there is no pipeline '${pipeline}'`);
    return found;
  },
});

export const handler = telemetry.instrument(async (event: SQSEvent | LookRequest, context: LambdaClock) =>
  isLookRequest(event) ? lookAtQueues(event, sqs) : planObjects(event, context),
);
