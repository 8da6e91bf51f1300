/** What all engines of a pipeline did together in one minute, by their metrics. */
export interface MinuteCounts {
  /** When the minute began, in milliseconds since 1970. */
  readonly at: number;
  /** `endpoint_requests_accepted` */
  readonly accepted: number;
  /** `endpoint_requests_throttled` */
  readonly throttled: number;
  /**
   * `endpoint_throttled_milli_secs`: how long requests were held back by pace, limits and throttling, all of them together.
   * Waiting for a place among those under way is not in it.
   */
  readonly waitedMillis: number;
  /** How many engines there were. @default not known: it is judged by the runs of the governor that were near */
  readonly engines?: number;
}

/** What the governor sees when it runs. */
export interface Observation {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The last ten minutes or so, in any order. Minutes without any metrics are left out. */
  readonly minutes: readonly MinuteCounts[];
  /** Messages of the pipeline's queue that wait: those that are visible, and those that are delayed. */
  readonly waiting: number;
  /** Engines at work, by the messages in flight. */
  readonly working: number;
  /** Engines that there are, at work or not. @default those at work */
  readonly running?: number;
}
