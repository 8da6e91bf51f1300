import { defineFabric, RemoteModelHandler, runInference } from 'inference-fabric';
import { expect, test } from 'vitest';
import { pipelineModels } from '../../../lib/config/pipeline-models.ts';
import { AnswerJournal } from '../../../lib/inference/engine/answer-journal.ts';
import type { AskingBundle } from '../../../lib/inference/engine/engine-model.ts';
import { RemoteModelService } from '../../../lib/inference/engine/remote-model-service.ts';
import type { InferRequest } from '../../../lib/inference/worker-protocol.ts';
import { encodeValues } from '../../../lib/models/encoded-batch.ts';
import { RemoteEndpoint } from '../../../lib/remote/endpoint/remote-endpoint.ts';
import { Metrics } from '../../../lib/telemetry/metrics.ts';

class Echo extends RemoteModelHandler {
  readonly requests: (readonly unknown[])[] = [];
  createClient(): unknown {
    return undefined;
  }
  async request(batch: readonly unknown[]): Promise<readonly unknown[]> {
    this.requests.push(batch);
    return batch;
  }
}

function bundleOf() {
  const stop = new AbortController();
  const bundle: AskingBundle = {
    journal: new AnswerJournal(),
    stopSignal: stop.signal,
    killSignal: new AbortController().signal,
    patienceMillis: undefined,
    track: () => {},
    giveUp: () => {},
  };
  return { bundle, stop };
}

function requestOf(values: readonly number[]): InferRequest {
  const elements = values.map((value, place) => ({ place: String(place), fingerprint: String(value) }));
  const measure = { bytes: 8, weight: values.length, closedBy: 'end', isolating: false } as const;
  return { model: 0, key: '', batch: encodeValues(values), ...measure, asked: { task: 0, elements } };
}

test('elements that wait for others to fill their batch are let go of when their bundle is told to stop', async () => {
  const handler = new Echo({ minBatchSize: 4, maxBatchSize: 4, maxBatchDurationSecs: 3600 });
  const { pipelines } = defineFabric({
    pipelines: { echo: { input: { format: 'jsonl' }, steps: [runInference(handler)] } },
  });
  const [model] = pipelineModels(pipelines['echo'] ?? { steps: [] });
  if (model === undefined) throw new Error('there is no such model');
  const metrics = new Metrics();
  const endpoint = new RemoteEndpoint({ handler, metrics });
  await using service = new RemoteModelService({ model: { ...model, handler }, index: 0, endpoint, metrics });
  await service.open();
  const [one, other] = [bundleOf(), bundleOf()];
  const stopped = service.infer(requestOf([1, 2]), one.bundle);
  const going = service.infer(requestOf([3]), other.bundle);
  one.stop.abort(new Error('time is up'));
  expect(await stopped).toBeUndefined();
  expect(one.bundle.journal.wasWaiting).toBe(true);
  // The other's batch is filled by somebody else, without what was let go of.
  const filling = service.infer(requestOf([4, 5, 6]), bundleOf().bundle);
  expect(await Promise.all([going, filling])).toMatchObject([{ ok: true }, { ok: true }]);
  expect(handler.requests).toEqual([[3, 4, 5, 6]]);
});
