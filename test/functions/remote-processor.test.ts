import type { Context, SQSEvent } from 'aws-lambda';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startEmbeddedAws } from '../../cli/local/embedded-aws.ts';
import { useEmulator } from '../../cli/local/emulator-environment.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { FIRST_STATE, serializeState } from '../../lib/remote/governor/state.ts';
import { serveAws } from './aws-server.ts';

const PARAMETER = '/inference-fabric/test/busy';

function eventOf(inputs: readonly unknown[]): SQSEvent {
  const elements = inputs.map((input, index) => ({ id: `e${index}`, input }));
  const sent = String(Date.UTC(2026, 10, 21, 2, 30));
  const record = {
    messageId: 'message-0',
    receiptHandle: 'handle',
    body: JSON.stringify({ version: 1, kind: 'elements', pipeline: 'busy', elements }),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: sent,
      SenderId: 'AIDA',
      ApproximateFirstReceiveTimestamp: sent,
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:bundles',
    awsRegion: 'us-east-1',
  };
  return { Records: [record] };
}

describe('the processor of a governed pipeline', () => {
  test('publishes what the endpoint accepts and refuses, and shares its limits with as many as the governor says', async () => {
    const aws = await startEmbeddedAws();
    const environment = useEmulator(aws.endpoint);
    onTestFinished(async () => {
      environment[Symbol.dispose]();
      await aws[Symbol.asyncDispose]();
    });
    const Value = serializeState({ ...FIRST_STATE, concurrency: 25 });
    const asked = await serveAws(() => ({ body: { Parameter: { Name: PARAMETER, Value } } }));
    vi.stubEnv('AWS_ENDPOINT_URL_SSM', process.env['AWS_ENDPOINT_URL']);
    for (const bucket of ['input', 'output']) await aws.createBucket(bucket);
    const queues = { bundles: await aws.createQueue('bundles'), deadLetters: await aws.createQueue('dead-letters') };
    const settings = {
      FABRIC_OUTPUT_BUCKET: 'output',
      FABRIC_INPUT_BUCKETS: '["input"]',
      FABRIC_QUEUES: JSON.stringify(queues),
      FABRIC_PIPELINE: 'busy',
      FABRIC_CONFIG: '../../test/functions/fixtures/remote.config.ts',
      FABRIC_MAX_RECEIVES: '5',
      FABRIC_CONCURRENCY_PARAMETER: PARAMETER,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '2048',
      // Powertools prints by the console, where a test can listen.
      POWERTOOLS_DEV: 'true',
      POWERTOOLS_METRICS_DISABLED: 'false',
    };
    for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
    const printed: string[] = [];
    for (const method of ['log', 'info', 'warn', 'error'] as const)
      vi.spyOn(console, method).mockImplementation((line: string) => void printed.push(line));
    const shareLimits = vi.spyOn(InferenceEngine.prototype, 'shareLimits');
    onTestFinished(() => void vi.restoreAllMocks());

    const { handler } = await import('../../functions/processor/index.ts');
    const context = { functionName: 'processor', awsRequestId: 'r1', getRemainingTimeInMillis: () => 60_000 };
    expect(await handler(eventOf([{ n: 1 }, { n: 2 }]), context as Context)).toEqual({ batchItemFailures: [] });

    const lines = printed.map((line) => JSON.parse(line) as Record<string, unknown>);
    const sum = (name: string): number => lines.reduce((total, line) => total + Number(line[name] ?? 0), 0);
    expect(sum('endpoint_requests')).toBe(3);
    expect(sum('endpoint_requests_accepted')).toBe(2);
    expect(sum('endpoint_requests_throttled')).toBe(1);
    for (const line of lines.filter((line) => 'endpoint_requests' in line)) {
      const metrics = { CloudWatchMetrics: [{ Namespace: 'InferenceFabric', Dimensions: [['pipeline']] }] };
      expect(line).toMatchObject({ pipeline: 'busy', _aws: metrics });
    }
    expect(asked.map(({ operation, body }) => [operation, body['Name']])).toEqual([['GetParameter', PARAMETER]]);
    expect(shareLimits.mock.calls).toEqual([[25]]);
  });
});
