import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
// Its types have the default export only.
// oxlint-disable-next-line import/no-named-as-default
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { FabricCounter, Telemetry } from '../lib/telemetry/telemetry.ts';
import { METRIC_NAMESPACE } from './environment.ts';
import type { LambdaClock } from './lambda-deadline.ts';

/** Telemetry of a function. */
export interface FunctionTelemetry extends Telemetry {
  /** Wraps a handler: adds Lambda's context to the logs, counts cold starts and traces runs. */
  instrument<Event, Result>(
    handler: (event: Event, context: LambdaClock) => Promise<Result>,
  ): (event: Event, context: Context) => Promise<Result>;
  /** Publishes the counts before the end of a run. */
  publish(): void;
}

/** Opens the logs, metrics and traces of a function, by Powertools for AWS Lambda and its environment variables. */
export function openTelemetry(serviceName: string): FunctionTelemetry {
  const logger = new Logger({ serviceName });
  // Powertools warns of each run without metrics; no other warning can occur here.
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE, serviceName, logger: { ...console, warn() {} } });
  const tracer = new Tracer({ serviceName });
  const counts = new PipelineCounts();
  return {
    info: (message, fields = {}) => logger.info(message, { ...fields }),
    warn: (message, fields = {}) => logger.warn(message, { ...fields }),
    error: (message, fields = {}) => logger.error(message, { ...fields }),
    count: (name, amount, pipeline) => counts.add(name, amount, pipeline),
    publish: () => counts.publish(),
    instrument: <Event, Result>(handler: (event: Event, context: LambdaClock) => Promise<Result>) => {
      const run = middy<unknown, unknown>()
        .use(injectLambdaContext(logger))
        .use(logMetrics(metrics, { captureColdStartMetric: true }))
        .use(captureLambdaHandler(tracer, { captureResponse: false }))
        // middy passes event and result through, but its types can't infer generic ones.
        .handler((event, context) => handler(event as Event, context).finally(() => counts.publish()));
      return (event: Event, context: Context) => run(event, context) as Promise<Result>;
    },
  };
}

/**
 * Counts of a function, published as one line for each pipeline. The pipeline is the only dimension: with the function as a
 * second one, a sum over functions would need metric math.
 */
class PipelineCounts {
  readonly #metrics = new Metrics({ namespace: METRIC_NAMESPACE });
  readonly #counts = new Map<string, Map<FabricCounter, number>>();

  constructor() {
    this.#metrics.clearDefaultDimensions();
  }

  add(name: FabricCounter, amount: number, pipeline: string): void {
    // A metric is billed for each hour in which it has a value, even 0.
    if (amount === 0) return;
    const counts = this.#counts.get(pipeline) ?? new Map<FabricCounter, number>();
    this.#counts.set(pipeline, counts);
    counts.set(name, (counts.get(name) ?? 0) + amount);
  }

  publish(): void {
    for (const [pipeline, counts] of this.#counts) {
      this.#metrics.addDimension('pipeline', pipeline);
      for (const [name, amount] of counts) this.#metrics.addMetric(name, unitOf(name), amount);
      this.#metrics.publishStoredMetrics();
    }
    this.#counts.clear();
  }
}

function unitOf(name: FabricCounter): (typeof MetricUnit)[keyof typeof MetricUnit] {
  return name.endsWith('_milli_secs') ? MetricUnit.Milliseconds : MetricUnit.Count;
}
