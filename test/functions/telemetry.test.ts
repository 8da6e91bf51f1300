import type { Context } from 'aws-lambda';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { openTelemetry } from '../../functions/telemetry.ts';

const context = { getRemainingTimeInMillis: () => 1000, functionName: 'finalizer', awsRequestId: 'r1' } as Context;
const NO_FAILURES = { batchItemFailures: [] };

describe("a function's telemetry", () => {
  const printed: Record<string, unknown>[] = [];

  beforeEach(() => {
    // Powertools prints by the console, where a test can listen.
    vi.stubEnv('POWERTOOLS_DEV', 'true');
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
    printed.length = 0;
    const print = (line: string): void => void printed.push(JSON.parse(line) as Record<string, unknown>);
    for (const method of ['log', 'info', 'warn', 'error'] as const) vi.spyOn(console, method).mockImplementation(print);
    return () => {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
    };
  });

  test('publishes the counts of a run at its end: a line for each pipeline, which is their only dimension', async () => {
    const telemetry = openTelemetry('finalizer');
    const published: number[] = [];
    const handler = telemetry.instrument(async () => {
      for (let job = 0; job < 3; job += 1) telemetry.count('jobs_complete', 1, 'wine');
      telemetry.count('jobs_stopped', 1, 'wine');
      telemetry.count('elements_failed', 0, 'wine');
      telemetry.count('jobs_complete', 1, 'digits');
      published.push(printed.filter((line) => 'pipeline' in line).length);
      return NO_FAILURES;
    });
    expect(await handler({ Records: [] }, context)).toEqual(NO_FAILURES);
    const lines = printed.filter((line) => 'pipeline' in line);
    expect(lines).toMatchObject([
      { pipeline: 'wine', jobs_complete: 3, jobs_stopped: 1 },
      { pipeline: 'digits', jobs_complete: 1 },
    ]);
    for (const line of lines) {
      expect(line).toMatchObject({
        _aws: { CloudWatchMetrics: [{ Namespace: 'InferenceFabric', Dimensions: [['pipeline']] }] },
      });
      expect(line).not.toHaveProperty('service');
      expect(line).not.toHaveProperty('elements_failed');
    }
    await handler({ Records: [] }, context);
    expect(printed.filter((line) => line['jobs_complete'] === 3)).toHaveLength(2);
    expect(published).toEqual([0, 2]);
  });

  test('publishes what was counted so far when it is told to, and the rest at the end of the run', async () => {
    const telemetry = openTelemetry('processor');
    const accepted = (): unknown[] => printed.flatMap((line) => line['endpoint_requests_accepted'] ?? []);
    const handler = telemetry.instrument(async () => {
      telemetry.count('endpoint_requests_accepted', 20, 'wine');
      telemetry.count('endpoint_throttled_milli_secs', 1500, 'wine');
      telemetry.publish();
      expect(accepted()).toEqual([20]);
      telemetry.publish();
      telemetry.count('endpoint_requests_accepted', 5, 'wine');
      return NO_FAILURES;
    });
    await handler({ Records: [] }, context);
    expect(accepted()).toEqual([20, 5]);
    const first = printed.find((line) => 'endpoint_throttled_milli_secs' in line);
    expect(first).toMatchObject({
      _aws: {
        CloudWatchMetrics: [
          {
            Dimensions: [['pipeline']],
            Metrics: [
              { Name: 'endpoint_requests_accepted', Unit: 'Count' },
              { Name: 'endpoint_throttled_milli_secs', Unit: 'Milliseconds' },
            ],
          },
        ],
      },
    });
  });

  test('publishes what a run that throws has counted, and nothing where nothing was', async () => {
    const telemetry = openTelemetry('finalizer');
    const failing = telemetry.instrument(async () => {
      telemetry.count('messages_refused', 1, 'wine');
      throw new Error('boom');
    });
    await expect(failing({ Records: [] }, context)).rejects.toThrow('boom');
    expect(printed.filter((line) => 'messages_refused' in line)).toHaveLength(1);
    const before = printed.length;
    await telemetry.instrument(async () => NO_FAILURES)({ Records: [] }, context);
    expect(printed.length).toBe(before);
  });

  test("logs with the function's context", async () => {
    const telemetry = openTelemetry('finalizer');
    const handler = telemetry.instrument(async () => {
      telemetry.warn('a warning', { job: 'j1' });
      return NO_FAILURES;
    });
    await handler({ Records: [] }, context);
    expect(printed).toContainEqual(
      expect.objectContaining({
        level: 'WARN',
        message: 'a warning',
        job: 'j1',
        service: 'finalizer',
        function_request_id: 'r1',
      }),
    );
  });
});
