/** Metrics of all engines of a pipeline together in one minute. */
export interface MinuteCounts {
  /** Start of the minute, in milliseconds since 1970. */
  readonly at: number;
  /** `endpoint_requests_accepted` */
  readonly accepted: number;
  /** `endpoint_requests_throttled` */
  readonly throttled: number;
  /**
   * `endpoint_throttled_milli_secs`: total time for which pace, limits and throttling held requests back. Time in which
   * they waited for the end of an in-flight request is not included.
   */
  readonly waitedMillis: number;
  /** Number of engines. @default estimated from the governor's runs around that minute */
  readonly engines?: number;
}

/** Input of a run of the governor. */
export interface Observation {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The last ten minutes or so, in any order. Minutes without any metrics are left out. */
  readonly minutes: readonly MinuteCounts[];
  /** Waiting messages of the pipeline's queue, visible and delayed. */
  readonly waiting: number;
  /** Number of busy engines, from the messages in flight. */
  readonly working: number;
  /** Number of engines, busy or idle. @default the busy ones */
  readonly running?: number;
}
