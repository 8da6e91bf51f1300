import { describe, expect, test } from 'vitest';
import { EngineCounts } from '../../../functions/serving/engine-counts.ts';
import { Metrics } from '../../../lib/telemetry/metrics.ts';

describe("an engine's counts", () => {
  test('are what has grown since the last look, for each engine by itself, with nothing lost between two', () => {
    const taken: [string, number][] = [];
    const counts = new EngineCounts((name, amount) => taken.push([name, amount]));
    const look = (): readonly [string, number][] => {
      counts.report();
      return taken.splice(0);
    };
    expect(look()).toEqual([]);

    const first = new Metrics();
    counts.follow({ metrics: first });
    first.add('endpoint_requests', 5);
    first.add('endpoint_requests_accepted', 3);
    first.add('endpoint_requests_throttled', 1);
    first.add('endpoint_request_retries', 1);
    first.add('endpoint_throttled_milli_secs', 250);
    first.add('num_inferences', 30);
    first.add('num_inferences_on_cuda', 28);
    first.add('num_inferences_on_cpu', 2);
    first.add('model_loads', 2);
    first.add('model_cpu_fallbacks', 1);
    first.add('failed_batches_counter', 4);
    first.record('model_byte_size', 1e6);
    expect(look()).toEqual([
      ['num_inferences', 30],
      ['num_inferences_on_cuda', 28],
      ['num_inferences_on_cpu', 2],
      ['model_cpu_fallbacks', 1],
      ['model_loads', 2],
      ['endpoint_requests', 5],
      ['endpoint_requests_accepted', 3],
      ['endpoint_requests_throttled', 1],
      ['endpoint_request_retries', 1],
      ['endpoint_throttled_milli_secs', 250],
    ]);
    expect(look()).toEqual([]);
    first.add('endpoint_requests', 2);
    first.add('model_refresh_failures', 1);
    expect(look()).toEqual([
      ['model_refresh_failures', 1],
      ['endpoint_requests', 2],
    ]);

    first.add('endpoint_requests', 4);
    const second = new Metrics();
    counts.follow({ metrics: second });
    second.add('endpoint_requests', 1);
    expect(look()).toEqual([
      ['endpoint_requests', 4],
      ['endpoint_requests', 1],
    ]);
  });
});
