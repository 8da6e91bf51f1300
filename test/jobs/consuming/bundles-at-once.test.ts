import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';
import { describe, expect, test } from 'vitest';
import { bundlesAtOnce } from '../../../lib/jobs/consuming/bundles-at-once.ts';
import { consumerBench, HOUR, SECOND } from './consumer-bench.ts';

const { pipelines } = defineFabric({
  pipelines: {
    alone: { input: { format: 'jsonl' }, steps: [runInference(new OnnxModelHandler({ modelUri: 'm.onnx' }))] },
    shared: {
      input: { format: 'jsonl' },
      steps: [runInference(new OnnxModelHandler({ modelUri: 'm.onnx', maxBatchDurationSecs: 1 }))],
    },
  },
});

const MOMENT_MILLIS = 1000;
const MINUTE_MILLIS = 60_000;

describe('the bundles that are taken at once', () => {
  test.each([
    ['alone', 1, 3],
    ['alone', 4, 8],
    ['alone', 48, 56],
    ['shared', 1, 12],
    ['shared', 4, 44],
  ])(
    'are one for each worker and a few ahead, or as many as batches want: %s with %i workers, %i',
    (name, workers, most) => {
      const pipeline = pipelines[name];
      expect(pipeline && bundlesAtOnce({ workers, pipeline }, MOMENT_MILLIS)).toBe(most);
    },
  );

  test.each([
    ['alone', 1, 2],
    ['alone', 48, 49],
    ['shared', 4, 41],
  ])(
    'are one ahead of those that take long, or before one has ended: %s with %i workers, %i',
    (name, workers, most) => {
      const pipeline = pipelines[name];
      expect(pipeline && bundlesAtOnce({ workers, pipeline }, MINUTE_MILLIS)).toBe(most);
      expect(pipeline && bundlesAtOnce({ workers, pipeline })).toBe(most);
    },
  );

  test.each([
    [5, 4],
    [60, 1],
  ])('leave workers idle for hardly a moment, with bundles of %i s and %i ahead', async (secs, ahead) => {
    const workers = 4;
    const pipeline = pipelines['alone'];
    if (pipeline === undefined) throw new Error('there is no such pipeline');
    const { clock, send, start, atWork } = consumerBench();
    await send(...Array.from({ length: 4000 }, (_, n) => String(n)));
    const places = new Semaphore(workers);
    let workedMillis = 0;
    const process = async (): Promise<void> => {
      await clock.sleep(SECOND);
      await places.take();
      await clock.sleep(secs * SECOND);
      workedMillis += secs * SECOND;
      places.give();
      await clock.sleep(SECOND);
    };
    start({ process, atOnce: (lastTookMillis) => bundlesAtOnce({ workers, pipeline }, lastTookMillis) });
    await clock.advance(HOUR);
    expect(atWork.at(-1)).toBe(workers + ahead);
    expect(workedMillis / (workers * HOUR)).toBeGreaterThan(0.95);
  });
});

/** So many may have a place. */
class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
