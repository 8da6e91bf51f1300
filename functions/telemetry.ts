import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Telemetry } from '../lib/telemetry/telemetry.ts';
import type { SqsHandler } from './sqs-handler.ts';

const NAMESPACE = 'InferenceFabric';

export interface FunctionTelemetry extends Telemetry {
  /** The function as Lambda calls it: with its context in the logs, its cold start counted, its runs traced. */
  instrument(handler: SqsHandler): (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;
}

/** Logs, metrics and traces of a function, by Powertools for AWS Lambda; its settings are Powertools' variables. */
export function openTelemetry(serviceName: string): FunctionTelemetry {
  const logger = new Logger({ serviceName });
  const metrics = new Metrics({ namespace: NAMESPACE, serviceName });
  const tracer = new Tracer({ serviceName });
  return {
    info: (message, fields = {}) => logger.info(message, { ...fields }),
    warn: (message, fields = {}) => logger.warn(message, { ...fields }),
    error: (message, fields = {}) => logger.error(message, { ...fields }),
    count(name, amount, pipeline) {
      const metric = metrics.singleMetric();
      // The pipeline is the only dimension: with a second one, no sum over functions could be had without metric math.
      metric.clearDefaultDimensions();
      metric.addDimension('pipeline', pipeline);
      metric.addMetric(name, MetricUnit.Count, amount);
    },
    instrument: (handler) =>
      middy<SQSEvent, SQSBatchResponse>()
        .use(injectLambdaContext(logger))
        .use(logMetrics(metrics, { captureColdStartMetric: true }))
        .use(captureLambdaHandler(tracer, { captureResponse: false }))
        .handler((event, context) => handler(event, context)),
  };
}
