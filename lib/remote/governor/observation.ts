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
}

/** What the governor sees when it runs. */
export interface Observation {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The last ten minutes or so, in any order. Minutes without any metrics are left out. */
  readonly minutes: readonly MinuteCounts[];
  /** Messages of the pipeline's queue that wait: those that are visible, and those that are delayed. */
  readonly waiting: number;
  /** Engines at work: messages in flight, divided by how many the poller gives to one run of the function. */
  readonly working: number;
}
