import type { MinuteCounts } from '../../lib/remote/governor/observation.ts';
import type { ParameterStore } from '../parameter-store.ts';
import type { GovernedPipeline, GovernedPoller } from '../settings.ts';

/** Options of a request. */
export interface CallOptions {
  readonly signal: AbortSignal;
}

/** A time range in milliseconds since 1970; `end` is exclusive. Both are full minutes, as the sum of a part would be too low. */
export interface WholeMinutes {
  readonly start: number;
  readonly end: number;
}

/** Metrics that engines have published, and the number of tasks. */
export interface EndpointMetrics {
  /** Returns the minutes of a pipeline in a time range, oldest first; minutes without metrics are left out. */
  minutesOf(
    pipeline: Pick<GovernedPipeline, 'name' | 'poller'>,
    time: WholeMinutes,
    options: CallOptions,
  ): Promise<readonly MinuteCounts[]>;
}

/** State of the limit on the engines that process the bundles of a queue. */
export interface Poller {
  /** True if it polls and can be changed. */
  readonly isEnabled: boolean;
  /** Maximum number of engines. @default - no limit is set */
  readonly maxConcurrency?: number;
  /** Minimum of `maxConcurrency`. */
  readonly least: number;
  /** Maximum number of bundles that one engine processes while another one is idle. */
  readonly batchSize: number;
}

/** @typeParam Id - what identifies a poller */
export interface Pollers<Id = GovernedPoller> {
  read(poller: Id, options: CallOptions): Promise<Poller>;
  /** @returns false if the poller is being changed and could not be set */
  setMaxConcurrency(poller: Id, concurrency: number, options: CallOptions): Promise<boolean>;
}

/** Approximate numbers of messages in a queue. */
export interface Backlog {
  readonly visible: number;
  readonly delayed: number;
  readonly inFlight: number;
}

/** Services that the governor uses. */
export interface GovernorPorts {
  readonly metrics: EndpointMetrics;
  readonly pollers: Pollers;
  readonly backlogOf: (queue: string, options: CallOptions) => Promise<Backlog>;
  readonly parameters: ParameterStore;
}
