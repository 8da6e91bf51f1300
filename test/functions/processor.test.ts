import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Context, SQSEvent, SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type EmbeddedAws, startEmbeddedAws } from '../../cli/local/embedded-aws.ts';
import { useEmulator } from '../../cli/local/emulator-environment.ts';
import { createProcessorHandler } from '../../functions/processor/handler.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { getText, type ObjectStore } from '../../lib/stores/object-store.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';

const configUrl = new URL('./fixtures/models.config.ts', import.meta.url);
const SENT_AT = Date.UTC(2026, 10, 21, 2, 30);
const context = { getRemainingTimeInMillis: () => 60_000 };

/** An event with a message of elements for each list. */
function eventOf(pipeline: string, lists: readonly (readonly unknown[])[]): SQSEvent {
  const Records = lists.map((elements, index): SQSRecord => {
    const body = JSON.stringify({ version: 1, kind: 'elements', pipeline, elements });
    return recordOf(`message-${index}`, body);
  });
  return { Records };
}

function recordOf(messageId: string, body: string): SQSRecord {
  return {
    messageId,
    receiptHandle: 'handle',
    body,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: String(SENT_AT),
      SenderId: 'AIDA',
      ApproximateFirstReceiveTimestamp: String(SENT_AT),
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:bundles',
    awsRegion: 'us-east-1',
  };
}

describe('the processor', () => {
  let aws: EmbeddedAws;
  let environment: Disposable;
  let store: ObjectStore;
  /** Where the model of the pipeline `late` is looked for. */
  let model: string;
  const urls = { bundles: '', deadLetters: '' };

  beforeAll(async () => {
    model = join(await mkdtemp(join(tmpdir(), 'fabric-late-')), 'late.onnx');
    // Before the config is imported for the first time.
    process.env['LATE_MODEL'] = model;
    aws = await startEmbeddedAws();
    environment = useEmulator(aws.endpoint);
    store = openS3ObjectStore();
    for (const bucket of ['input', 'output']) await aws.createBucket(bucket);
    urls.bundles = await aws.createQueue('bundles');
    urls.deadLetters = await aws.createQueue('dead-letters');
  });

  afterAll(async () => {
    await rm(dirname(model), { recursive: true });
    environment[Symbol.dispose]();
    await aws[Symbol.asyncDispose]();
  });

  const textOf = async (key: string): Promise<string | undefined> =>
    (await getText(store, { bucket: 'output', key }))?.text;

  test('is what its environment says: it answers, logs what handlers print, and counts by pipeline', async () => {
    const settings = {
      FABRIC_OUTPUT_BUCKET: 'output',
      FABRIC_INPUT_BUCKETS: '["input"]',
      FABRIC_QUEUES: JSON.stringify(urls),
      FABRIC_PIPELINE: 'talkative',
      FABRIC_CONFIG: '../../test/functions/fixtures/models.config.ts',
      FABRIC_MAX_RECEIVES: '5',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '2048',
      // Powertools prints by the console, where a test can listen.
      POWERTOOLS_DEV: 'true',
      POWERTOOLS_METRICS_DISABLED: 'false',
    };
    for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
    const printed: string[] = [];
    for (const method of ['log', 'info', 'warn', 'error'] as const)
      vi.spyOn(console, method).mockImplementation((line: string) => void printed.push(line));
    onTestFinished(() => {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
    });

    const { handler } = await import('../../functions/processor/index.ts');
    const event = eventOf('talkative', [
      [
        { id: 'a', input: { n: 1 } },
        { id: 'b', input: { n: 2 } },
      ],
    ]);
    const lambdaContext = { ...context, functionName: 'processor', awsRequestId: 'r1' } as Context;
    expect(await handler(event, lambdaContext)).toEqual({ batchItemFailures: [] });

    const part = await textOf('talkative/_elements/2026-11-21/02/message-0.jsonl');
    expect(
      part
        ?.trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { id: 'a', prediction: 2 },
      { id: 'b', prediction: 4 },
    ]);
    const lines = printed.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toContainEqual(expect.objectContaining({ line: 'a batch of 1', service: 'processor' }));
    const metrics = lines.filter((line) => 'elements_succeeded' in line);
    expect(metrics).toMatchObject([
      {
        pipeline: 'talkative',
        elements_succeeded: 2,
        num_inferences: 2,
        _aws: { CloudWatchMetrics: [{ Namespace: 'InferenceFabric', Dimensions: [['pipeline']] }] },
      },
    ]);
    // As soon as the model was there: it was loaded before the run.
    expect(lines.filter((line) => 'model_loads' in line)).toMatchObject([{ pipeline: 'talkative', model_loads: 1 }]);
    // What did not happen is no metric: nobody pays for it.
    expect(metrics[0]).not.toHaveProperty('elements_failed');
    expect(metrics[0]).not.toHaveProperty('model_evictions');
  });

  test('fails the messages of a model that does not load, and answers them once it does', async () => {
    const processor = createProcessorHandler({
      output: { store, bucket: 'output' },
      telemetry: SILENT,
      now: Date.now,
      pipelineName: 'late',
      bundles: openSqsQueue(urls.bundles),
      deadLetters: openSqsQueue(urls.deadLetters),
      inputBuckets: ['input'],
      maxReceives: 5,
      startEngine: () => InferenceEngine.start({ configUrl, pipeline: 'late', workers: 1, cores: 1 }),
    });
    onTestFinished(() => processor[Symbol.asyncDispose]());
    const event = eventOf('late', [[{ id: 'a', input: { x: [1, 2, 3] } }], [{ id: 'b', input: { x: [4, 5, 6] } }]]);
    const parts = [0, 1].map((n) => `late/_elements/2026-11-21/02/message-${n}.jsonl`);

    await expect(processor.warm()).rejects.toMatchObject({ name: 'ModelLoadError' });
    expect(await processor.handler(event, context)).toEqual({
      batchItemFailures: [{ itemIdentifier: 'message-0' }, { itemIdentifier: 'message-1' }],
    });
    expect(await Promise.all(parts.map(textOf))).toEqual([undefined, undefined]);

    await copyFile(new URL('../models/double.onnx', import.meta.url), model);
    expect(await processor.handler(event, context)).toEqual({ batchItemFailures: [] });
    expect(await Promise.all(parts.map(textOf))).toEqual([
      expect.stringContaining('"a"'),
      expect.stringContaining('"b"'),
    ]);
  });

  test('says why its bundles fail where the engine cannot be started, and has them wait for another try', async () => {
    const hidden: number[] = [];
    const counts: string[] = [];
    const bundles = openSqsQueue(urls.bundles);
    const processor = createProcessorHandler({
      output: { store, bucket: 'output' },
      telemetry: { ...SILENT, count: (name) => counts.push(name) },
      now: Date.now,
      pipelineName: 'unheard',
      bundles: {
        ...bundles,
        changeVisibility: async (_handle, secs) => void hidden.push(secs),
      },
      deadLetters: openSqsQueue(urls.deadLetters),
      inputBuckets: ['input'],
      maxReceives: 5,
      startEngine: () => InferenceEngine.start({ configUrl, pipeline: 'unheard', workers: 1, cores: 1 }),
    });
    onTestFinished(() => processor[Symbol.asyncDispose]());
    await expect(processor.warm()).rejects.toMatchObject({ name: 'ConfigError' });
    expect(await processor.handler(eventOf('unheard', [[{ id: 'a', input: 1 }]]), context)).toEqual({
      batchItemFailures: [{ itemIdentifier: 'message-0' }],
    });
    expect(counts).toContain('bundles_failed');
    // As long as this run may take, then 5 s.
    expect(hidden).toEqual([expect.any(Number), 5]);
  });
});
