/** Names of counters: those of Apache Beam's RunInference, and the fabric's own. */
export type CounterName =
  | 'num_inferences'
  | 'failed_batches_counter'
  | 'model_loads'
  | 'model_evictions'
  | 'model_thrash_warnings'
  | 'model_refreshes'
  | 'model_refresh_failures'
  /** For models that request a device: inferences by execution provider, and copies that were loaded on the CPU instead. */
  | 'num_inferences_on_tensorrt'
  | 'num_inferences_on_cuda'
  | 'num_inferences_on_webgpu'
  | 'num_inferences_on_cpu'
  | 'model_cpu_fallbacks'
  /** Requests to endpoints: all, answered, throttled (429), retried. */
  | 'endpoint_requests'
  | 'endpoint_requests_accepted'
  | 'endpoint_requests_throttled'
  | 'endpoint_request_retries'
  /** Milliseconds for which requests were delayed by pace, declared limits and throttling, summed. */
  | 'endpoint_throttled_milli_secs';
export type DistributionName =
  | 'inference_request_batch_size'
  | 'inference_batch_latency_micro_secs'
  | 'inference_batch_padding_share'
  | 'load_model_latency_milli_secs'
  | 'model_byte_size'
  | 'model_private_bytes'
  | 'endpoint_latency_milli_secs';

export interface Distribution {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
}

/** Counts and distributions of one engine. */
export class Metrics {
  readonly #counters = new Map<CounterName, number>();
  readonly #distributions = new Map<DistributionName, Distribution>();

  add(name: CounterName, amount: number): void {
    this.#counters.set(name, this.counter(name) + amount);
  }

  record(name: DistributionName, value: number): void {
    const { count, sum, min, max } = this.distribution(name) ?? { count: 0, sum: 0, min: Infinity, max: -Infinity };
    this.#distributions.set(name, {
      count: count + 1,
      sum: sum + value,
      min: Math.min(min, value),
      max: Math.max(max, value),
    });
  }

  counter(name: CounterName): number {
    return this.#counters.get(name) ?? 0;
  }

  /** Returns undefined if nothing was recorded. */
  distribution(name: DistributionName): Distribution | undefined {
    return this.#distributions.get(name);
  }
}

export function meanOf({ sum, count }: Distribution): number {
  return sum / count;
}
