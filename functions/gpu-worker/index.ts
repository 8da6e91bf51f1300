import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { stopTimes } from '../../lib/jobs/consuming/stop-times.ts';
import { areTooMany } from '../../lib/remote/governor/too-many.ts';
import { removeLeftFolders } from '../../lib/stores/left-files.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { GovernedEngine } from '../serving/governed-engine.ts';
import { createRenewedProcessor } from '../serving/renewed-processor.ts';
import { workerSettings } from '../settings.ts';
import { openTelemetry } from '../telemetry.ts';
import { serveHealth } from './health.ts';
import { putToEcsAgent, TaskProtection } from './task-protection.ts';
import { Worker } from './worker.ts';

/** Metrics in CloudWatch have a resolution of one minute, and the governor runs once a minute. */
const PUBLISH_EVERY_MILLIS = 30_000;
/** Maximum time for closing resources after the worker has ended. */
const MAX_CLOSE_MILLIS = 1000;

// Set before the engine's threads start: each collects its own small heap, as in `fabric run` (cli/fabric.ts).
setFlagsFromString('--no-parallel-scavenge');

const telemetry = openTelemetry('gpu-worker');
const settings = workerSettings(process.env);
const { outputBucket, inputBuckets, queues, config, maxReceives, healthPort, ecsAgentUri } = settings;
const sqs = openSqsClient();
const bundles = openSqsQueue(queues.bundles, sqs);
const engine = new GovernedEngine({
  ...settings,
  configUrl: pathToFileURL(resolve(config)),
  telemetry,
  onGoverned: (state) => protection?.setTooMany(areTooMany(state, Date.now())),
});
const protection =
  ecsAgentUri === undefined ? undefined : new TaskProtection({ put: putToEcsAgent(ecsAgentUri), telemetry });

const processor = createRenewedProcessor({
  output: { store: openS3ObjectStore(), bucket: outputBucket },
  telemetry,
  now: Date.now,
  pipelineName: settings.pipeline,
  bundles,
  deadLetters: openSqsQueue(queues.deadLetters, sqs),
  inputBuckets,
  maxReceives,
  startEngine: () => engine.start(),
});
const worker = new Worker({
  ...settings,
  bundles,
  processor,
  telemetry,
  onAtWork: (count) => protection?.setBusy(count > 0),
});

// The first signal stops the worker gracefully, the second one at once.
const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) process.exit(1);
    telemetry.info('the worker received a signal to stop', { signal, ...worker.health });
    setTimeout(() => process.exit(0), stopTimes(settings.stopTimeoutSecs).lastMillis).unref();
    stopping.abort();
  });
}

await removeLeftFolders({ isShared: false });
if (healthPort !== undefined) {
  const { port } = await serveHealth(healthPort, () => worker.health);
  telemetry.info('the health endpoint is listening', { port });
}
setInterval(() => engine.sync(), PUBLISH_EVERY_MILLIS);

const status = await worker.run(stopping.signal);
engine.sync();
telemetry.info('the worker has ended', { status });
setTimeout(() => process.exit(status), MAX_CLOSE_MILLIS);
await Promise.allSettled([processor[Symbol.asyncDispose](), protection?.[Symbol.asyncDispose]()]);
process.exit(status);
