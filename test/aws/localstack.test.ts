import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startLocalFunctions } from '../../cli/local/local-functions.ts';
import { createLocalQueues, type LocalQueues } from '../../cli/local/local-queues.ts';
import { loadConfig } from '../../lib/config/load-config.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';
import { ROOT } from '../examples/run-fabric.ts';
import { queueArn } from './bucket-watch.ts';
import { DeployedFabric } from './deployed-fabric.ts';
import { describeDroppedFiles } from './dropped-files.ts';
import { type EmulatedAws, useEmulator } from './emulated-aws.ts';
import { startLocalStack } from './emulators/localstack.ts';

const INPUT = 'fabric-input';
const OUTPUT = 'fabric-output';

describe('the functions behind local pollers, on LocalStack', () => {
  const resources = new AsyncDisposableStack();
  let aws: EmulatedAws;
  let fabric: DeployedFabric;
  let queues: LocalQueues;

  beforeAll(async () => {
    aws = resources.use(await useEmulator(startLocalStack(inject('python'))));
    for (const bucket of [INPUT, OUTPUT]) await aws.createBucket(bucket);
    const versioned = { Bucket: INPUT, VersioningConfiguration: { Status: 'Enabled' } } as const;
    await aws.s3.send(new PutBucketVersioningCommand(versioned));
    const store = resources.use(openS3ObjectStore());
    const sqs = resources.adopt(openSqsClient(), (client) => client.destroy());
    const configUrl = pathToFileURL(join(ROOT, 'fabric.config.ts'));
    const config = await loadConfig(configUrl);
    queues = await createLocalQueues(aws, Object.keys(config.pipelines), sqs);
    const deadLetters = Object.keys(config.pipelines).map(
      async (pipeline) => [pipeline, await aws.createQueue(`${pipeline}-dead-letters`)] as const,
    );
    fabric = resources.use(
      await DeployedFabric.watch(
        aws,
        {
          inputBucket: INPUT,
          outputBucket: OUTPUT,
          intake: queues.intake.url,
          bundles: Object.fromEntries([...queues.bundles].map(([pipeline, { url }]) => [pipeline, url])),
          deadLetters: Object.fromEntries(await Promise.all(deadLetters)),
        },
        store,
      ),
    );
    await fabric.sendEvents(true);
    resources.use(
      startLocalFunctions({
        output: { store, bucket: OUTPUT },
        telemetry: SILENT,
        now: Date.now,
        configUrl,
        fabric: config,
        queues,
        inputBuckets: [INPUT],
        notify: async () => {},
      }),
    );
  });
  afterAll(() => resources.disposeAsync());

  describeDroppedFiles('dropped files', () => fabric);

  test('park a bundle that fails time after time', async () => {
    const { url, parkedUrl } = queues.bundles.get('wine') ?? queues.intake;
    const redrive = { deadLetterTargetArn: await queueArn(aws, parkedUrl), maxReceiveCount: 2 };
    const Attributes = { RedrivePolicy: JSON.stringify(redrive) };
    await aws.sqs.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes }));
    const source = { bucket: INPUT, key: 'wine/none', etag: 'none', format: 'jsonl', range: { start: 0, end: 1 } };
    const body = JSON.stringify({
      version: 1,
      kind: 'bundle',
      pipeline: 'wine',
      job: 'none',
      bundle: 0,
      of: 1,
      source,
    });
    await fabric.send(url, body);
    const parked = openSqsQueue(parkedUrl, aws.sqs);
    let messages = await parked.receive({ maxMessages: 1, waitSecs: 20 });
    if (messages.length === 0) messages = await parked.receive({ maxMessages: 1, waitSecs: 20 });
    expect(messages.map((message) => message.body)).toEqual([body]);
  });
});
