import type { MinuteSeries } from './minute-series.ts';

export interface ScalingMetrics {
  readonly visible: MinuteSeries;
  readonly taken: MinuteSeries;
  /** Samples of tasks that run. */
  readonly running: MinuteSeries;
  /** Bundles sent, by intake, where it tells. */
  readonly sent: MinuteSeries;
}
