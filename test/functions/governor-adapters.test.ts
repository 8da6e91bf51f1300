import { describe, expect, test } from 'vitest';
import { startEmbeddedAws } from '../../cli/local/embedded-aws.ts';
import { useEmulator } from '../../cli/local/emulator-environment.ts';
import { openEndpointMetrics } from '../../functions/governor/endpoint-metrics.ts';
import { openPollers } from '../../functions/governor/pollers.ts';
import { openBacklog } from '../../functions/governor/queue-backlog.ts';
import { openParameterStore } from '../../functions/parameter-store.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { serveAws } from './aws-server.ts';

const { signal } = new AbortController();
const NOON_SECS = Date.UTC(2026, 10, 21, 12) / 1000;
const MINUTE_SECS = 60;
/** What is asked of one metric. */
function query(Id: string, MetricName: string): object {
  const Metric = { Namespace: 'InferenceFabric', MetricName, Dimensions: [{ Name: 'pipeline', Value: 'wine' }] };
  return { Id, MetricStat: { Metric, Period: 60, Stat: 'Sum' } };
}

const POLLER = { kind: 'mapping', id: 'p-1' } as const;
const SERVICE = { kind: 'service', cluster: 'all', service: 'scans' } as const;
const WINE = { name: 'wine', poller: POLLER };
const MAPPING = '/2015-03-31/event-source-mappings/p-1';

describe('the metrics of endpoints', () => {
  test("are CloudWatch's sums of each minute by pipeline, from all pages, a minute without any of a metric being 0", async () => {
    const pages = [
      [
        { Id: 'accepted', Timestamps: [NOON_SECS + MINUTE_SECS, NOON_SECS], Values: [20, 10] },
        { Id: 'throttled', Timestamps: [NOON_SECS], Values: [3] },
      ],
      [
        { Id: 'accepted', Timestamps: [NOON_SECS + 2 * MINUTE_SECS], Values: [30] },
        { Id: 'waitedMillis', Timestamps: [NOON_SECS + MINUTE_SECS], Values: [1500.5] },
      ],
    ];
    const requests = await serveAws(({ body }) => {
      const page = body['NextToken'] === undefined ? 0 : 1;
      return { body: { MetricDataResults: pages[page], ...(page === 0 ? { NextToken: 'more' } : {}) } };
    });
    const time = { start: NOON_SECS * 1000, end: (NOON_SECS + 600) * 1000 };
    expect(await openEndpointMetrics().minutesOf(WINE, time, { signal })).toEqual([
      { at: NOON_SECS * 1000, accepted: 10, throttled: 3, waitedMillis: 0 },
      { at: (NOON_SECS + 60) * 1000, accepted: 20, throttled: 0, waitedMillis: 1500.5 },
      { at: (NOON_SECS + 120) * 1000, accepted: 30, throttled: 0, waitedMillis: 0 },
    ]);
    expect(requests).toHaveLength(2);
    expect(requests[0]).toEqual({
      operation: 'GetMetricData',
      body: {
        MetricDataQueries: [
          query('accepted', 'endpoint_requests_accepted'),
          query('throttled', 'endpoint_requests_throttled'),
          query('waitedMillis', 'endpoint_throttled_milli_secs'),
        ],
        StartTime: NOON_SECS,
        EndTime: NOON_SECS + 600,
      },
    });
  });

  test('count the tasks of a service, in minutes without requests too', async () => {
    const MetricDataResults = [
      { Id: 'accepted', Timestamps: [NOON_SECS], Values: [10] },
      { Id: 'engines', Timestamps: [NOON_SECS, NOON_SECS + MINUTE_SECS], Values: [3, 4] },
    ];
    const requests = await serveAws(() => ({ body: { MetricDataResults } }));
    const time = { start: NOON_SECS * 1000, end: (NOON_SECS + 600) * 1000 };
    const scans = { name: 'scans', poller: SERVICE };
    expect(await openEndpointMetrics().minutesOf(scans, time, { signal })).toEqual([
      { at: NOON_SECS * 1000, accepted: 10, throttled: 0, waitedMillis: 0, engines: 3 },
      { at: (NOON_SECS + 60) * 1000, accepted: 0, throttled: 0, waitedMillis: 0, engines: 4 },
    ]);
    const queries = requests[0]?.body['MetricDataQueries'] as readonly object[];
    expect(queries).toHaveLength(4);
    expect(queries[3]).toEqual({
      Id: 'engines',
      MetricStat: {
        Metric: {
          Namespace: 'AWS/ECS',
          MetricName: 'CPUUtilization',
          Dimensions: [
            { Name: 'ClusterName', Value: 'all' },
            { Name: 'ServiceName', Value: 'scans' },
          ],
        },
        Period: 60,
        Stat: 'SampleCount',
      },
    });
  });

  test.each(['InternalError', 'Forbidden'])('are an error where CloudWatch could not say: %s', async (StatusCode) => {
    const result = { Id: 'throttled', StatusCode, Timestamps: [], Values: [] };
    await serveAws(() => ({ body: { MetricDataResults: [result] } }));
    const time = { start: NOON_SECS * 1000, end: (NOON_SECS + 600) * 1000 };
    await expect(openEndpointMetrics().minutesOf(WINE, time, { signal })).rejects.toThrow(StatusCode);
  });
});

describe('the poller of a function', () => {
  test.each([
    [{ State: 'Enabled', BatchSize: 10, ScalingConfig: { MaximumConcurrency: 7 } }, true, 7],
    [{ State: 'Enabled', BatchSize: 10 }, true, undefined],
    [{ State: 'Enabled', BatchSize: 10, ScalingConfig: {} }, true, undefined],
    [{ State: 'Updating', BatchSize: 10, ScalingConfig: { MaximumConcurrency: 7 } }, false, 7],
    [{ State: 'Disabled', BatchSize: 10 }, false, undefined],
  ])('is what its event source mapping says: %o', async (body, isEnabled, maxConcurrency) => {
    const requests = await serveAws(() => ({ body }));
    const poller = await openPollers().read(POLLER, { signal });
    expect(poller).toEqual({
      isEnabled,
      least: 2,
      batchSize: 10,
      ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
    });
    expect(requests.map(({ operation }) => operation)).toEqual([`GET ${MAPPING}`]);
  });

  test('is given its concurrency and nothing else', async () => {
    const requests = await serveAws(() => ({ status: 202, body: { UUID: 'p-1', State: 'Updating' } }));
    expect(await openPollers().setMaxConcurrency(POLLER, 12, { signal })).toBe(true);
    expect(requests).toEqual([{ operation: `PUT ${MAPPING}`, body: { ScalingConfig: { MaximumConcurrency: 12 } } }]);
  });

  test.each([
    ['ResourceInUseException', 400],
    ['ResourceConflictException', 409],
  ])('takes none while it is being changed: %s', async (error, status) => {
    await serveAws(() => ({ status, error }));
    expect(await openPollers().setMaxConcurrency(POLLER, 12, { signal })).toBe(false);
  });

  test('is an error where it is not there', async () => {
    await serveAws(() => ({ status: 404, error: 'ResourceNotFoundException' }));
    await expect(openPollers().setMaxConcurrency(POLLER, 12, { signal })).rejects.toThrow('no');
  });
});

describe('the poller of a service', () => {
  const identity = { ServiceNamespace: 'ecs', ScalableDimension: 'ecs:service:DesiredCount' };
  const SUSPENDED = { DynamicScalingOutSuspended: true };

  test.each([
    [
      { MinCapacity: 0, MaxCapacity: 4 },
      { isEnabled: true, least: 1, maxConcurrency: 4 },
    ],
    [
      { MinCapacity: 3, MaxCapacity: 9 },
      { isEnabled: true, least: 3, maxConcurrency: 9 },
    ],
    [
      { MinCapacity: 0, MaxCapacity: 4, SuspendedState: SUSPENDED },
      { isEnabled: false, least: 1, maxConcurrency: 4 },
    ],
  ])('is what its scalable target says: %o', async (target, poller) => {
    const requests = await serveAws(() => ({ body: { ScalableTargets: [target] } }));
    expect(await openPollers().read(SERVICE, { signal })).toEqual({ ...poller, batchSize: 1 });
    const body = { ...identity, ResourceIds: ['service/all/scans'] };
    expect(requests).toEqual([{ operation: 'DescribeScalableTargets', body }]);
  });

  test('is given its most tasks and nothing else', async () => {
    const requests = await serveAws(() => ({ body: { ScalableTargetARN: 'arn' } }));
    expect(await openPollers().setMaxConcurrency(SERVICE, 6, { signal })).toBe(true);
    const body = { ...identity, ResourceId: 'service/all/scans', MaxCapacity: 6 };
    expect(requests).toEqual([{ operation: 'RegisterScalableTarget', body }]);
  });

  test('takes none while it is being changed', async () => {
    await serveAws(() => ({ status: 400, error: 'ConcurrentUpdateException' }));
    expect(await openPollers().setMaxConcurrency(SERVICE, 6, { signal })).toBe(false);
  });

  test('is an error where it is not there, or takes less than it has to have', async () => {
    await serveAws(({ operation }) =>
      operation === 'DescribeScalableTargets'
        ? { body: { ScalableTargets: [] } }
        : { status: 400, error: 'ValidationException' },
    );
    await expect(openPollers().read(SERVICE, { signal })).rejects.toThrow('service/all/scans is not scaled');
    await expect(openPollers().setMaxConcurrency(SERVICE, 0, { signal })).rejects.toThrow('no');
  });
});

describe('the parameter store', () => {
  test('keeps texts by name, and knows those that are not there', async () => {
    const parameters = new Map<string, unknown>();
    const requests = await serveAws(({ operation, body: { Name, Value } }) => {
      if (operation === 'PutParameter') parameters.set(String(Name), Value);
      else if (!parameters.has(String(Name))) return { status: 400, error: 'ParameterNotFound' };
      return { body: { Parameter: { Name, Value: parameters.get(String(Name)) } } };
    });
    const store = openParameterStore();
    expect(await store.read('/fabric/wine', { signal })).toBeUndefined();
    for (const value of ['{"a":1}', '{"a":2}']) {
      await store.write('/fabric/wine', value, { signal });
      expect(await store.read('/fabric/wine')).toBe(value);
    }
    const write = requests.find(({ operation }) => operation === 'PutParameter');
    expect(write?.body).toEqual({ Name: '/fabric/wine', Value: '{"a":1}', Type: 'String', Overwrite: true });
  });

  test('does not take a refusal for a parameter that is not there', async () => {
    await serveAws(() => ({ status: 400, error: 'AccessDeniedException' }));
    await expect(openParameterStore().read('/fabric/wine')).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });
});

describe("a queue's backlog", () => {
  test('is what SQS says of its messages', async () => {
    await using aws = await startEmbeddedAws();
    using _environment = useEmulator(aws.endpoint);
    const url = await aws.createQueue('bundles');
    using sqs = disposable(openSqsClient());
    const queue = openSqsQueue(url, sqs.client);
    await queue.send(['a', 'b', 'c'].map((body) => ({ body })));
    await queue.send([{ body: 'later', delaySecs: 600 }]);
    await queue.receive({ maxMessages: 1, waitSecs: 0 });
    expect(await openBacklog(sqs.client)(url, { signal })).toEqual({ visible: 2, delayed: 1, inFlight: 1 });
  });
});

function disposable<T extends { destroy(): void }>(client: T): Disposable & { readonly client: T } {
  return { client, [Symbol.dispose]: () => client.destroy() };
}
