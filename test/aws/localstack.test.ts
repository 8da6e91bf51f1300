import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { startLocalFunctions } from '../../cli/local/local-functions.ts';
import { createLocalQueues } from '../../cli/local/local-queues.ts';
import { loadConfig } from '../../lib/config/load-config.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';
import { ROOT } from '../examples/run-fabric.ts';
import { describeDrain, type DrainPlace } from '../functions/gpu-worker/drain.ts';
import { DeployedFabric, type FabricPlace } from './deployed-fabric.ts';
import { describeDroppedFiles } from './dropped-files.ts';
import { type EmulatedAws, useEmulator } from './emulated-aws.ts';
import { startLocalStack } from './emulators/localstack.ts';

const INPUT = 'fabric-input';
const OUTPUT = 'fabric-output';

describe('on LocalStack', () => {
  const resources = new AsyncDisposableStack();
  let aws: EmulatedAws;
  beforeAll(async () => {
    aws = resources.use(await useEmulator(startLocalStack(inject('python'))));
  });
  afterAll(() => resources.disposeAsync());

  describe('the functions behind local pollers', () => {
    let fabric: DeployedFabric;
    beforeAll(async () => {
      fabric = await startFabric(aws, resources);
    });

    describeDroppedFiles('dropped files', () => fabric);
  });

  describeDrain('workers on LocalStack', async () => drainPlace(aws));
});

function drainPlace(aws: EmulatedAws): DrainPlace {
  const store = openS3ObjectStore();
  const sqs = openSqsClient();
  return {
    endpoint: aws.emulator.endpoint,
    visibilitySecs: 6,
    aws: {
      store,
      createBucket: (name) => aws.createBucket(name),
      async createQueue(name, attributes) {
        const url = await aws.createQueue(name, attributes);
        return Object.assign(openSqsQueue(url, sqs), { url });
      },
    },
    async [Symbol.asyncDispose]() {
      store[Symbol.dispose]();
      sqs.destroy();
    },
  };
}

/** The functions of `fabric.config.ts` in this process; all else is LocalStack's: the bucket's events, parked messages. */
async function startFabric(aws: EmulatedAws, resources: AsyncDisposableStack): Promise<DeployedFabric> {
  for (const bucket of [INPUT, OUTPUT]) await aws.createBucket(bucket);
  await aws.s3.send(new PutBucketVersioningCommand({ Bucket: INPUT, VersioningConfiguration: { Status: 'Enabled' } }));
  const store = resources.use(openS3ObjectStore());
  const sqs = resources.adopt(openSqsClient(), (client) => client.destroy());
  const configUrl = pathToFileURL(join(ROOT, 'fabric.config.ts'));
  const config = await loadConfig(configUrl);
  const queues = await createLocalQueues(aws, Object.keys(config.pipelines), sqs);

  const bundles = [...queues.bundles];
  const deadLetters: Record<string, string> = {};
  // They are there: to create a queue again gives its URL.
  for (const [pipeline] of bundles) deadLetters[pipeline] = await aws.createQueue(`${pipeline}-dead-letters`);
  const place: FabricPlace = {
    inputBucket: INPUT,
    outputBucket: OUTPUT,
    intake: queues.intake.url,
    bundles: Object.fromEntries(bundles.map(([pipeline, { url }]) => [pipeline, url])),
    parked: Object.fromEntries(bundles.map(([pipeline, { parkedUrl }]) => [pipeline, parkedUrl])),
    deadLetters,
  };
  const fabric = resources.use(await DeployedFabric.watch(aws, place, store));
  await fabric.sendEvents(true);
  const output = { store, bucket: OUTPUT };
  const facts = { configUrl, fabric: config, queues, inputBuckets: [INPUT] };
  const ports = { output, telemetry: SILENT, now: Date.now };
  resources.use(startLocalFunctions({ ...ports, ...facts, notify: async () => {} }));
  return fabric;
}
