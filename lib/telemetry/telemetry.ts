import type { CounterName } from './metrics.ts';

/**
 * Engine counters that a deployed fabric publishes: the work of models, and the answers of endpoints. The other counters
 * follow from these or from logs, and each metric costs money for every hour in which it is counted.
 */
export const ENGINE_COUNTERS = [
  'num_inferences',
  'num_inferences_on_tensorrt',
  'num_inferences_on_cuda',
  'num_inferences_on_webgpu',
  'num_inferences_on_cpu',
  'model_cpu_fallbacks',
  'model_loads',
  'model_evictions',
  'model_refreshes',
  'model_refresh_failures',
  'endpoint_requests',
  'endpoint_requests_accepted',
  'endpoint_requests_throttled',
  'endpoint_request_retries',
  'endpoint_throttled_milli_secs',
] as const satisfies readonly CounterName[];

export type EngineCounter = (typeof ENGINE_COUNTERS)[number];

/** Engine counters of requests to endpoints. */
export type EndpointCounter = Extract<EngineCounter, `endpoint_${string}`>;

/** Counters of a deployed fabric; each is a CloudWatch metric with the pipeline as its dimension. */
export type FabricCounter =
  | EngineCounter
  | 'bundles_committed'
  | 'bundles_failed'
  | 'bundles_handed_back'
  | 'elements_failed'
  | 'elements_succeeded'
  | 'jobs_complete'
  | 'jobs_incomplete'
  | 'jobs_stopped'
  | 'messages_refused'
  | 'objects_rejected';

export type LogFields = Readonly<Record<string, unknown>>;

/** Destination of logs and counts. They never contain a payload or a secret. */
export interface Telemetry {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  count(name: FabricCounter, amount: number, pipeline: string): void;
}

export const SILENT: Telemetry = { info() {}, warn() {}, error() {}, count() {} };
