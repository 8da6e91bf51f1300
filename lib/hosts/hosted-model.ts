import { deserialize } from 'node:v8';
import { FabricError, ModelLoadError } from '../errors.ts';
import { travelsAsTensors } from '../models/batch-codec.ts';
import {
  decodeTensors,
  decodeValues,
  type EncodedBatch,
  encodeTensors,
  encodeValues,
} from '../models/encoded-batch.ts';
import { type ModelContent, readModelContent, shownDigest, stampOfModel } from '../models/model-digest.ts';
import type { InferenceArgs, ModelHandler } from '../models/model-handler.ts';
import { OnnxModelHandler, type OnnxModelHandlerOptions } from '../models/onnx-model-handler.ts';
import { type OnnxModel, runOnnxBatch } from '../models/onnx-session.ts';
import { sliceRows } from '../models/tensor-rows.ts';
import { runProbe } from './probe.ts';
import type { HandlerSpec, LoadFrame, ModelInfo, RunFrame } from './protocol.ts';

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
  // Only now, as it is twice as much to import as all the rest: a host of a built-in handler needs none of it.
  const { handlerAt } = await import('../config/handler-place.ts');
  const { loadConfig } = await import('../config/load-config.ts');
  return handlerAt(await loadConfig(new URL(spec.configUrl)), spec.place, spec.className);
}

/**
 * Loads a model, whose digest is that of the very files that were loaded, and runs the probe through it.
 *
 * @throws ModelLoadError with the handler's own reason; where the files are other ones than they should be, or changed
 *   meanwhile, an error of disposition `retry`.
 */
export async function loadHostedModel(
  handler: ModelHandler,
  { model: given, probe }: Pick<LoadFrame, 'model' | 'probe'>,
): Promise<HostedModel> {
  const residentBefore = process.memoryUsage.rss();
  const startedAt = performance.now();
  const file = handler instanceof OnnxModelHandler ? await readModelFile(handler, given) : undefined;
  const model = await handler.loadModel();
  if (file !== undefined) await checkUnchanged(file);
  if (probe !== undefined) await runProbe(handler, model, probe);
  const digest = file?.content.digest;
  const { device, warning } = handler instanceof OnnxModelHandler ? ((model ?? {}) as Partial<OnnxModel>) : {};
  const info = {
    label: digest === undefined ? handler.constructor.name : shownDigest(digest),
    ...(digest === undefined ? {} : { digest }),
    ...(device === undefined ? {} : { device }),
    ...(warning === undefined ? {} : { warning }),
    loadMillis: performance.now() - startedAt,
    modelBytes: Math.max(0, process.memoryUsage.rss() - residentBefore),
  };
  if (!travelsAsTensors(handler)) return { info, run: (frame, groups) => runValues(handler, model, frame, groups) };
  const onnx = model as OnnxModel;
  return {
    info: { ...info, inputs: onnx.inputs, outputs: onnx.outputs },
    run: (frame, groups) => runTensors(onnx, frame, groups),
  };
}

interface ModelFile {
  readonly path: string;
  readonly content: ModelContent;
}

async function readModelFile(handler: OnnxModelHandler, given: LoadFrame['model']): Promise<ModelFile> {
  if (given !== undefined) handler.useFile(given.path);
  const path = await handler.localPath();
  let content: ModelContent;
  try {
    content = await readModelContent(path);
  } catch (error) {
    // What the store holds should be there.
    if (given?.digest !== undefined) throw changed(path, 'is not there');
    throw new ModelLoadError(`the model ${path} can't be read: ${(error as Error).message}`, { cause: error });
  }
  if (given?.digest === undefined || given.digest === content.digest) return { path, content };
  const digests = `has the digest ${shownDigest(content.digest)}, and should have ${shownDigest(given.digest)}`;
  throw changed(path, `${digests}: a file that is replaced while it serves needs 'refreshSecs'`);
}

async function checkUnchanged({ path, content }: ModelFile): Promise<void> {
  const stamp = await stampOfModel(path, content.locations).catch(() => undefined);
  if (stamp !== content.stamp) throw changed(path, 'was changed while it was loaded');
}

function changed(path: string, how: string): FabricError {
  return new FabricError('MODEL_CHANGED', `the model ${path} ${how}`, { disposition: 'retry' });
}

async function runTensors(model: OnnxModel, frame: RunFrame, groups: readonly Uint8Array[]) {
  const size = frame.fragments.reduce((sum, fragment) => sum + fragment.size, 0);
  const batch: EncodedBatch = { kind: 'tensors', size, tensors: frame.tensors ?? [], chunks: groups };
  const startedAt = performance.now();
  const rows = frame.fragments.reduce((sum, fragment) => sum + fragment.rows, 0);
  const outputs = await runOnnxBatch(model, decodeTensors(batch), rows);
  const micros = (performance.now() - startedAt) * 1000;
  let row = 0;
  const results = frame.fragments.map((fragment) => {
    const own = sliceRows(outputs, row, row + fragment.size);
    row += fragment.rows;
    return encodeTensors(own, fragment.size);
  });
  return { results, micros };
}

async function runValues(handler: ModelHandler, model: unknown, frame: RunFrame, groups: readonly Uint8Array[]) {
  const values = groups.flatMap((group, index) =>
    decodeValues({ kind: 'values', size: frame.fragments[index]?.size ?? 0, chunks: [group] }),
  );
  const args = argsOf(frame);
  const startedAt = performance.now();
  const predictions = await handler.runInference(values, model, args);
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

/** A batch's arguments, a copy of its own: what a handler does to them ends with it. */
function argsOf({ inferenceArgs }: RunFrame): InferenceArgs | undefined {
  return inferenceArgs === undefined ? undefined : (deserialize(Buffer.from(inferenceArgs, 'base64')) as InferenceArgs);
}
