import { handlerAt } from '../config/handler-place.ts';
import { loadConfig } from '../config/load-config.ts';
import { FabricError, ModelLoadError } from '../errors.ts';
import { travelsAsTensors } from '../models/batch-codec.ts';
import {
  decodeTensors,
  decodeValues,
  type EncodedBatch,
  encodeTensors,
  encodeValues,
} from '../models/encoded-batch.ts';
import { digestOfOnnxModel, shownDigest } from '../models/model-digest.ts';
import type { InferenceArgs, ModelHandler } from '../models/model-handler.ts';
import { OnnxModelHandler, type OnnxModelHandlerOptions } from '../models/onnx-model-handler.ts';
import { type OnnxModel, runOnnxSession } from '../models/onnx-session.ts';
import { elementsOf } from '../models/tensor.ts';
import { sliceRows } from '../models/tensor-rows.ts';
import type { HandlerSpec, ModelInfo, RunFrame } from './protocol.ts';

/** A loaded model inside its host: what it is, and how one batch runs through it. */
export interface HostedModel {
  readonly info: ModelInfo;
  /** The results of each fragment, and how long `runInference` took. */
  run(frame: RunFrame, groups: readonly Uint8Array[]): Promise<{ results: readonly EncodedBatch[]; micros: number }>;
}

/** A handler that gave too many or too few results. */
class ResultCountError extends FabricError {
  override readonly name = 'ResultCountError';
  constructor(size: number, count: number) {
    super('RESULT_COUNT', `runInference must give one result for each element: got ${count} for ${size}`, {
      disposition: 'poison',
    });
  }
}

export async function findHandler(spec: HandlerSpec): Promise<ModelHandler> {
  if (spec.kind === 'onnx') return new OnnxModelHandler(spec.options as OnnxModelHandlerOptions);
  return handlerAt(await loadConfig(new URL(spec.configUrl)), spec.place, spec.className);
}

/** @throws ModelLoadError with the handler's own reason. */
export async function loadHostedModel(
  handler: ModelHandler,
  inferenceArgs: InferenceArgs | undefined,
): Promise<HostedModel> {
  const residentBefore = process.memoryUsage.rss();
  const startedAt = performance.now();
  const digest = handler instanceof OnnxModelHandler ? await digestOf(await handler.localPath()) : undefined;
  const model = await handler.loadModel();
  const info = {
    label: digest === undefined ? handler.constructor.name : shownDigest(digest),
    ...(digest === undefined ? {} : { digest }),
    loadMillis: performance.now() - startedAt,
    modelBytes: Math.max(0, process.memoryUsage.rss() - residentBefore),
  };
  if (!travelsAsTensors(handler))
    return { info, run: (frame, groups) => runValues(handler, model, inferenceArgs, frame, groups) };
  const onnx = model as OnnxModel;
  return { info: { ...info, inputs: onnx.inputs }, run: (frame, groups) => runTensors(onnx, frame, groups) };
}

async function digestOf(path: string): Promise<string> {
  try {
    return await digestOfOnnxModel(path);
  } catch (error) {
    throw new ModelLoadError(`the model ${path} can't be read: ${(error as Error).message}`, { cause: error });
  }
}

async function runTensors(model: OnnxModel, frame: RunFrame, groups: readonly Uint8Array[]) {
  const size = frame.fragments.reduce((sum, fragment) => sum + fragment.size, 0);
  const batch: EncodedBatch = { kind: 'tensors', size, tensors: frame.tensors ?? [], chunks: groups };
  const startedAt = performance.now();
  const outputs = await runOnnxSession(model, decodeTensors(batch));
  const micros = (performance.now() - startedAt) * 1000;
  const rows = frame.fragments.reduce((sum, fragment) => sum + fragment.rows, 0);
  for (const tensor of Object.values(outputs)) {
    if (tensor.shape[0] !== rows || elementsOf(tensor.shape) !== tensor.data.length) {
      throw new ResultCountError(rows, tensor.shape[0] ?? 0);
    }
  }
  let row = 0;
  const results = frame.fragments.map((fragment) => {
    const own = sliceRows(outputs, row, row + fragment.size);
    row += fragment.rows;
    return encodeTensors(own, fragment.size);
  });
  return { results, micros };
}

async function runValues(
  handler: ModelHandler,
  model: unknown,
  inferenceArgs: InferenceArgs | undefined,
  frame: RunFrame,
  groups: readonly Uint8Array[],
) {
  const values = groups.flatMap((group, index) =>
    decodeValues({ kind: 'values', size: frame.fragments[index]?.size ?? 0, chunks: [group] }),
  );
  const ownArgs = structuredClone(inferenceArgs);
  const startedAt = performance.now();
  const predictions = await handler.runInference(values, model, ownArgs);
  const micros = (performance.now() - startedAt) * 1000;
  if (!Array.isArray(predictions) || predictions.length !== values.length) {
    throw new ResultCountError(values.length, Array.isArray(predictions) ? predictions.length : 0);
  }
  let start = 0;
  const results = frame.fragments.map(({ size }) => {
    start += size;
    return encodeValues(predictions.slice(start - size, start));
  });
  return { results, micros };
}
