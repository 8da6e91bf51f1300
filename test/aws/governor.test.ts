import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createGovernorHandler } from '../../functions/governor/handler.ts';
import { openPollers } from '../../functions/governor/pollers.ts';
import { openBacklog } from '../../functions/governor/queue-backlog.ts';
import { openParameterStore } from '../../functions/parameter-store.ts';
import { parseState } from '../../lib/remote/governor/state.ts';
import { openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';
import { type EmulatedAws, queueArn, useEmulator } from './emulated-aws.ts';
import { startMinistack } from './emulators/ministack.ts';

const PARAMETER = '/inference-fabric/test/wine';
/** An archive of no files. */
const NO_FILES = Buffer.from('504b0506000000000000000000000000000000000000', 'hex');

describe('the governor, on ministack', () => {
  let aws: EmulatedAws;
  beforeAll(async () => {
    aws = await useEmulator(startMinistack(inject('python')));
  });
  afterAll(() => aws[Symbol.asyncDispose]());

  test('sets the poller of its pipeline, and publishes what it decided', async () => {
    const queue = await aws.createQueue('bundles');
    const lambda = new LambdaClient();
    const poller = await createPoller(aws, lambda, queue);
    const now = Date.now();
    await openSqsQueue(queue, aws.sqs).send([{ body: 'a bundle', delaySecs: 600 }]);
    const parameters = openParameterStore();
    // ministack 1.4.21 says times in words, where CloudWatch's protocol has numbers.
    const metrics = { minutesOf: async () => [] };
    const handler = createGovernorHandler({
      pipelines: [{ name: 'wine', poller: { kind: 'mapping', id: poller }, queue, parameter: PARAMETER, ceiling: 8 }],
      telemetry: SILENT,
      now: () => now,
      metrics,
      pollers: openPollers(),
      parameters,
      backlogOf: openBacklog(aws.sqs),
    });
    await handler({}, { getRemainingTimeInMillis: () => 50_000 });

    const { concurrency, runs } = parseState(await parameters.read(PARAMETER));
    expect(runs).toHaveLength(1);
    expect(concurrency).toBeLessThanOrEqual(8);
    const { ScalingConfig } = await lambda.send(new GetEventSourceMappingCommand({ UUID: poller }));
    expect(ScalingConfig).toEqual({ MaximumConcurrency: concurrency });
    lambda.destroy();
  });
});

/** What takes messages from a queue to a function. @returns its id */
async function createPoller(aws: EmulatedAws, lambda: LambdaClient, queue: string): Promise<string> {
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: 'processor',
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/processor',
      Code: { ZipFile: NO_FILES },
    }),
  );
  const EventSourceArn = await queueArn(aws, queue);
  const mapping = { FunctionName: 'processor', EventSourceArn, BatchSize: 1 };
  const { UUID = '' } = await lambda.send(new CreateEventSourceMappingCommand(mapping));
  return UUID;
}
