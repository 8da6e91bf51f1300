import type { CounterName } from './metrics.ts';

/** What an engine counts of its requests to endpoints. */
export type EndpointCounter = Extract<CounterName, `endpoint_${string}`>;

/** What a deployed fabric counts; each is a CloudWatch metric with the pipeline as its dimension. */
export type FabricCounter =
  | EndpointCounter
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

/** Where logs and counts go. Never a payload or a secret. */
export interface Telemetry {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  count(name: FabricCounter, amount: number, pipeline: string): void;
}

export const SILENT: Telemetry = { info() {}, warn() {}, error() {}, count() {} };
