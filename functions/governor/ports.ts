import type { MinuteCounts } from '../../lib/remote/governor/observation.ts';
import type { ParameterStore } from '../parameter-store.ts';
import type { GovernedPipeline, GovernedPoller } from '../settings.ts';

export interface CallOptions {
  readonly signal: AbortSignal;
}

/** In milliseconds since 1970; `end` is exclusive. Both are full minutes: a sum of part of one would look like few requests. */
export interface WholeMinutes {
  readonly start: number;
  readonly end: number;
}

/** What the engines of all pipelines have published, and how many tasks there were. */
export interface EndpointMetrics {
  /** A pipeline's minutes of a time, oldest first; those without any metrics are left out. */
  minutesOf(
    pipeline: Pick<GovernedPipeline, 'name' | 'poller'>,
    time: WholeMinutes,
    options: CallOptions,
  ): Promise<readonly MinuteCounts[]>;
}

/** What limits how many engines take bundles from a queue. */
export interface Poller {
  /** Whether it is at work, and can be changed. */
  readonly isEnabled: boolean;
  /** @default no limit is set */
  readonly maxConcurrency?: number;
  /** The fewest engines that it can be set to. */
  readonly least: number;
  /** How many bundles an engine may have while another one has none. */
  readonly batchSize: number;
}

/** @typeParam Id - by which a poller is known */
export interface Pollers<Id = GovernedPoller> {
  read(poller: Id, options: CallOptions): Promise<Poller>;
  /** @returns whether it could be set: not while the poller is being changed. */
  setMaxConcurrency(poller: Id, concurrency: number, options: CallOptions): Promise<boolean>;
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
