import {
  CloudWatchClient,
  GetMetricDataCommand,
  type MetricDataQuery,
  type MetricDataResult,
} from '@aws-sdk/client-cloudwatch';
import { FabricError } from '../../lib/errors.ts';
import type { MinuteCounts } from '../../lib/remote/governor/observation.ts';
import { clientConfig } from '../../lib/stores/aws-client.ts';
import type { EndpointCounter } from '../../lib/telemetry/telemetry.ts';
import { METRIC_NAMESPACE } from '../environment.ts';
import type { EcsService, GovernedPipeline } from '../settings.ts';
import type { EndpointMetrics } from './ports.ts';

/** Metrics that are requested; CloudWatch bills each of them. */
const METRICS = {
  accepted: 'endpoint_requests_accepted',
  throttled: 'endpoint_requests_throttled',
  waitedMillis: 'endpoint_throttled_milli_secs',
} as const satisfies Record<Exclude<keyof MinuteCounts, 'at' | 'engines'>, EndpointCounter>;
/** A metric of which each running task sends one sample a minute: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html */
const TASK_METRIC = { Namespace: 'AWS/ECS', MetricName: 'CPUUtilization' };

const MINUTE_SECS = 60;

/** Opens CloudWatch for the sums of each minute, and the number of tasks of a service. */
export function openEndpointMetrics(): EndpointMetrics {
  const client = new CloudWatchClient(clientConfig({}));
  return {
    async minutesOf(pipeline, { start, end }, { signal }) {
      const minutes = new Map<number, MinuteCounts>();
      let page: string | undefined;
      do {
        const command = new GetMetricDataCommand({
          MetricDataQueries: queriesFor(pipeline),
          StartTime: new Date(start),
          EndTime: new Date(end),
          NextToken: page,
        });
        const { MetricDataResults = [], NextToken } = await client.send(command, { abortSignal: signal });
        for (const result of MetricDataResults) addTo(minutes, result);
        page = NextToken;
      } while (page !== undefined);
      return [...minutes.values()].toSorted((one, other) => one.at - other.at);
    },
  };
}

function queriesFor({ name, poller }: Pick<GovernedPipeline, 'name' | 'poller'>): MetricDataQuery[] {
  const Dimensions = [{ Name: 'pipeline', Value: name }];
  const sums = Object.entries(METRICS).map(([id, MetricName]) => ({
    Id: id,
    MetricStat: { Metric: { Namespace: METRIC_NAMESPACE, MetricName, Dimensions }, Period: MINUTE_SECS, Stat: 'Sum' },
  }));
  return poller.kind === 'service' ? [...sums, tasksQuery(poller)] : sums;
}

function tasksQuery({ cluster, service }: EcsService): MetricDataQuery {
  const Dimensions = [
    { Name: 'ClusterName', Value: cluster },
    { Name: 'ServiceName', Value: service },
  ];
  const MetricStat = { Metric: { ...TASK_METRIC, Dimensions }, Period: MINUTE_SECS, Stat: 'SampleCount' };
  return { Id: 'engines', MetricStat };
}

/** @throws FabricError if CloudWatch has no answer: without it, throttled requests would count as none. */
function addTo(
  minutes: Map<number, MinuteCounts>,
  { Id, StatusCode, Timestamps = [], Values = [] }: MetricDataResult,
): void {
  if (Id === undefined || !(Id in METRICS || Id === 'engines')) return;
  if (StatusCode === 'InternalError' || StatusCode === 'Forbidden')
    throw new FabricError('METRICS_UNKNOWN', `CloudWatch could not return '${Id}': ${StatusCode}`, {
      disposition: 'retry',
    });
  Timestamps.forEach((time, index) => {
    const at = time.getTime();
    const counts = minutes.get(at) ?? { at, accepted: 0, throttled: 0, waitedMillis: 0 };
    minutes.set(at, { ...counts, [Id]: Values[index] ?? 0 });
  });
}
