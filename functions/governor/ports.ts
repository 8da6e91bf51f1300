import type { MinuteCounts } from '../../lib/remote/governor/observation.ts';
import type { ParameterStore } from '../parameter-store.ts';

export interface CallOptions {
  readonly signal: AbortSignal;
}

/** In milliseconds since 1970; `end` is exclusive. Both are full minutes: a sum of part of one would look like few requests. */
export interface WholeMinutes {
  readonly start: number;
  readonly end: number;
}

/** What the processors of all pipelines have published. */
export interface EndpointMetrics {
  /** A pipeline's minutes of a time, oldest first; those without any metrics are left out. */
  minutesOf(pipeline: string, time: WholeMinutes, options: CallOptions): Promise<readonly MinuteCounts[]>;
}

/** What takes bundles from a queue to a function. */
export interface Poller {
  /** Whether it is at work, and can be changed. */
  readonly isEnabled: boolean;
  /** @default no limit is set */
  readonly maxConcurrency?: number;
  /** How many bundles it gives to a run of the function, at most. */
  readonly batchSize: number;
}

export interface Pollers {
  read(poller: string, options: CallOptions): Promise<Poller>;
  /** @returns whether it could be set: not while the poller is being changed. */
  setMaxConcurrency(poller: string, concurrency: number, options: CallOptions): Promise<boolean>;
}

/** How many messages a queue has, by SQS's approximation. */
export interface Backlog {
  readonly visible: number;
  readonly delayed: number;
  readonly inFlight: number;
}

/** The world as the governor sees it. */
export interface GovernorPorts {
  readonly metrics: EndpointMetrics;
  readonly pollers: Pollers;
  readonly backlogOf: (queue: string, options: CallOptions) => Promise<Backlog>;
  readonly parameters: ParameterStore;
}
