import type { Metrics } from '../../lib/telemetry/metrics.ts';
import { ENGINE_COUNTERS, type EngineCounter } from '../../lib/telemetry/telemetry.ts';

/** What an engine has counted since the last look. */
export class EngineCounts {
  readonly #count: (name: EngineCounter, amount: number) => void;
  #metrics: Metrics | undefined;
  readonly #counted = new Map<EngineCounter, number>();

  /** @param count - is called for what has grown. */
  constructor(count: (name: EngineCounter, amount: number) => void) {
    this.#count = count;
  }

  /** From now on it is about this engine, whose counts begin with nothing. */
  follow({ metrics }: { readonly metrics: Metrics }): void {
    this.take();
    this.#metrics = metrics;
    this.#counted.clear();
  }

  take(): void {
    for (const name of ENGINE_COUNTERS) {
      const total = this.#metrics?.counter(name) ?? 0;
      const grown = total - (this.#counted.get(name) ?? 0);
      if (grown > 0) this.#count(name, grown);
      this.#counted.set(name, total);
    }
  }
}
