import { defineFabric, OnnxModelHandler, runInference } from 'inference-fabric';
import { describe, expect, test } from 'vitest';
import { Worker } from '../../../functions/gpu-worker/worker.ts';
import type { RenewedProcessor } from '../../../functions/serving/renewed-processor.ts';
import { ModelLoadError } from '../../../lib/errors.ts';
import { memoryQueue } from '../../jobs/memory-ports.ts';
import { SILENT } from '../../../lib/telemetry/telemetry.ts';

const { pipelines } = defineFabric({
  pipelines: {
    double: { input: { format: 'jsonl' }, steps: [runInference(new OnnxModelHandler({ modelUri: 'm.onnx' }))] },
  },
});

function workerOf(processor: Partial<RenewedProcessor>) {
  const bundles = memoryQueue();
  const errors: unknown[] = [];
  const pipeline = pipelines['double'];
  if (pipeline === undefined) throw new Error('there is no such pipeline');
  const worker = new Worker({
    bundles,
    processor: {
      process: async () => {},
      warm: async () => ({ pipeline, workers: 1 }),
      [Symbol.asyncDispose]: async () => {},
      ...processor,
    },
    telemetry: { ...SILENT, error: (...told) => void errors.push(told) },
    onAtWork: () => {},
    stopTimeoutSecs: 30,
  });
  return { worker, bundles, errors, engine: { pipeline, workers: 1 } };
}

describe('a worker that runs', () => {
  test('ends well when it is told to while its models are loaded, and is not healthy before', async () => {
    const { worker, bundles } = workerOf({ warm: () => new Promise(() => {}) });
    await bundles.send([{ body: 'one' }]);
    const stopping = new AbortController();
    const running = worker.run(stopping.signal);
    expect(worker.health).toEqual({ state: 'warming', isAlive: true, bundlesAtWork: 0 });
    stopping.abort();
    expect(await running).toBe(0);
    expect(worker.health.state).toBe('stopping');
    expect(bundles.waiting).toHaveLength(1);
  });

  test('ends with 1 when an engine that broke can not be started again, and not before what it does is done', async () => {
    const finish = Promise.withResolvers<void>();
    let times = 0;
    const { worker, bundles, errors, engine } = workerOf({
      async warm() {
        times += 1;
        if (times > 3) throw new ModelLoadError('the model is gone');
        return engine;
      },
      process: () => finish.promise,
    });
    await bundles.send([{ body: 'one' }]);
    const running = worker.run(new AbortController().signal);
    finish.resolve();
    expect(await running).toBe(1);
    expect(errors).toEqual([
      [
        expect.stringContaining('could not be started'),
        { error: expect.objectContaining({ name: 'ModelLoadError' }) as object },
      ],
    ]);
    expect(bundles.waiting).toEqual([]);
  });
});
