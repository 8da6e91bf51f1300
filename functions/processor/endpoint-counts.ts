import type { Metrics } from '../../lib/telemetry/metrics.ts';
import type { EndpointCounter } from '../../lib/telemetry/telemetry.ts';

const COUNTERS: readonly EndpointCounter[] = [
  'endpoint_requests',
  'endpoint_requests_accepted',
  'endpoint_requests_throttled',
  'endpoint_request_retries',
  'endpoint_throttled_milli_secs',
];

/** What an engine has counted of its requests since the last look. */
export class EndpointCounts {
  readonly #count: (name: EndpointCounter, amount: number) => void;
  #metrics: Metrics | undefined;
  readonly #counted = new Map<EndpointCounter, number>();

  /** @param count - is called for what has grown. */
  constructor(count: (name: EndpointCounter, amount: number) => void) {
    this.#count = count;
  }

  /** From now on it is about this engine, whose counts begin with nothing. */
  follow({ metrics }: { readonly metrics: Metrics }): void {
    this.take();
    this.#metrics = metrics;
    this.#counted.clear();
  }

  take(): void {
    for (const name of COUNTERS) {
      const total = this.#metrics?.counter(name) ?? 0;
      const grown = total - (this.#counted.get(name) ?? 0);
      if (grown > 0) this.#count(name, grown);
      this.#counted.set(name, total);
    }
  }
}
