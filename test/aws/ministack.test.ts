import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { DeployedFabric, type FabricPlace } from './deployed-fabric.ts';
import { type DeployedStack, deployStack } from './deploy-stack.ts';
import { describeDroppedFiles } from './dropped-files.ts';
import { type EmulatedAws, queueArn, useEmulator } from './emulated-aws.ts';
import { REGION } from './emulators/emulator.ts';
import { startMinistack } from './emulators/ministack.ts';

/** The pipelines of `fabric.config.ts`, by what their outputs and constructs are called. */
const PIPELINES = { 'breast-cancer': 'BreastCancer', digits: 'Digits', wine: 'Wine' };
const POLL = { timeout: 30_000 };

describe('the stack, deployed by `cdk deploy` to ministack', () => {
  const resources = new AsyncDisposableStack();
  let fabric: DeployedFabric;
  let events: string;
  beforeAll(async () => {
    const aws = resources.use(await useEmulator(startMinistack(inject('python'))));
    const stack = await deployStack(aws);
    events = await queueOfEvents(aws);
    fabric = resources.use(await DeployedFabric.watch(aws, await placeOf(stack), resources.use(openS3ObjectStore())));
  });
  afterAll(() => resources.disposeAsync());

  describeDroppedFiles('dropped files', () => fabric);

  test('tells the event bus of each job that has ended', async () => {
    await fabric.dropExample('wine/last.jsonl', 'wine.jsonl');
    await fabric.output.written('wine/last.jsonl/_SUCCESS');
    await expect.poll(() => fabric.takeAll(events), POLL).toContainEqual(expect.stringContaining('wine/last.jsonl'));
  });
});

/** A queue that a rule of the default bus sends the fabric's events to. */
async function queueOfEvents(aws: EmulatedAws): Promise<string> {
  const bus = new EventBridgeClient({ region: REGION });
  const queue = await aws.createQueue('events');
  const EventPattern = JSON.stringify({ source: ['inference-fabric'], 'detail-type': ['Job completed'] });
  await bus.send(new PutRuleCommand({ Name: 'jobs', EventPattern }));
  await bus.send(new PutTargetsCommand({ Rule: 'jobs', Targets: [{ Id: 'queue', Arn: await queueArn(aws, queue) }] }));
  bus.destroy();
  return queue;
}

async function placeOf({ outputs, queueUrl }: DeployedStack): Promise<FabricPlace> {
  const output = (name: string): string => {
    const value = outputs[name];
    if (value === undefined) throw new Error(`the stack says no '${name}': ${Object.keys(outputs).join(', ')}`);
    return value;
  };
  const bundles: Record<string, string> = {};
  const deadLetters: Record<string, string> = {};
  const parked: Record<string, string> = {};
  for (const [pipeline, id] of Object.entries(PIPELINES)) {
    bundles[pipeline] = output(`${id}QueueUrl`);
    deadLetters[pipeline] = output(`${id}DeadLettersUrl`);
    parked[pipeline] = await queueUrl(`Fabric${pipeline.replace('-', '')}BundlesDeadLetters`);
  }
  return {
    inputBucket: output('InputBucket'),
    outputBucket: output('OutputBucket'),
    intake: output('IntakeQueueUrl'),
    bundles,
    deadLetters,
    parked,
  };
}
