import { openSqsClient } from '../../lib/stores/sqs-queue.ts';
import { openParameterStore } from '../parameter-store.ts';
import { governorSettings } from '../settings.ts';
import { openTelemetry } from '../telemetry.ts';
import { openEndpointMetrics } from './endpoint-metrics.ts';
import { createGovernorHandler } from './handler.ts';
import { openPollers } from './pollers.ts';
import { openBacklog } from './queue-backlog.ts';

const { pipelines } = governorSettings(process.env);
const telemetry = openTelemetry('governor');

export const handler = telemetry.instrument(
  createGovernorHandler({
    pipelines,
    telemetry,
    now: Date.now,
    metrics: openEndpointMetrics(),
    pollers: openPollers(),
    backlogOf: openBacklog(openSqsClient()),
    parameters: openParameterStore(),
  }),
);
