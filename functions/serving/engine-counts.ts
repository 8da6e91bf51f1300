import type { Metrics } from '../../lib/telemetry/metrics.ts';
import { ENGINE_COUNTERS, type EngineCounter } from '../../lib/telemetry/telemetry.ts';

/** Reports how much the counters of an engine have grown since the last report. */
export class EngineCounts {
  readonly #count: (name: EngineCounter, amount: number) => void;
  #metrics: Metrics | undefined;
  readonly #counted = new Map<EngineCounter, number>();

  /** @param count - called for each counter that has grown */
  constructor(count: (name: EngineCounter, amount: number) => void) {
    this.#count = count;
  }

  /** Reports the rest of the previous engine, and follows this one, whose counters start at 0. */
  follow({ metrics }: { readonly metrics: Metrics }): void {
    this.report();
    this.#metrics = metrics;
    this.#counted.clear();
  }

  report(): void {
    for (const name of ENGINE_COUNTERS) {
      const total = this.#metrics?.counter(name) ?? 0;
      const grown = total - (this.#counted.get(name) ?? 0);
      if (grown > 0) this.#count(name, grown);
      this.#counted.set(name, total);
    }
  }
}
