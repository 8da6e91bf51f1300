import { deserialize } from 'node:v8';
import { FabricError, ModelLoadError } from '../errors.ts';
import { createBuiltIn } from '../models/built-in-handlers.ts';
import {
  decodeTensors,
  decodeValues,
  type EncodedBatch,
  encodeTensors,
  encodeValues,
} from '../models/encoded-batch.ts';
import { listResults, RESULT_KIND, ResultCountError } from '../models/batch-results.ts';
import { type ModelContent, readModelContent, shownDigest, stampOfModel } from '../models/model-digest.ts';
import type { ModelFiles } from '../models/model-files.ts';
import type { ModelDescription, TensorRunner } from '../models/handler-capabilities.ts';
import type { InferenceArgs, ModelHandler } from '../models/model-handler.ts';
import { sliceRows } from '../models/tensor-rows.ts';
import { runProbe } from './probe.ts';
import type { HandlerSpec, LoadFrame, ModelInfo, RunFrame } from './protocol.ts';

/** A loaded model inside its host: what it is, and how one batch runs through it. */
export interface HostedModel {
  readonly info: ModelInfo;
  /** Returns the results of each fragment, and the time of `runInference`. */
  run(frame: RunFrame, groups: readonly Uint8Array[]): Promise<RanBatch>;
}

/** The metadata of a part has limited room for names of models, and S3 accepts only ASCII there. */
const MAX_NAME_CHARACTERS = 100;
const MODEL_NAME = new RegExp(`^[ -~]{1,${MAX_NAME_CHARACTERS}}$`);

export interface RanBatch {
  readonly results: readonly EncodedBatch[];
  readonly micros: number;
  /** True if each result is `undefined`, as from a function that forgets to return. */
  readonly areUndefined?: boolean;
}

export async function findHandler(spec: HandlerSpec): Promise<ModelHandler> {
  if (spec.kind === 'built-in') return createBuiltIn(spec);
  // Imported only here, because it is twice as much as all the rest: a host of a built-in handler does not need it.
  const { handlerAt } = await import('../config/handler-place.ts');
  const { loadConfig } = await import('../config/load-config.ts');
  return handlerAt(await loadConfig(new URL(spec.configUrl)), spec.place, spec.className);
}

/**
 * Loads a model, whose digest is that of the very files that were loaded, and runs the probe through it.
 *
 * @throws ModelLoadError with the handler's reason; an error of disposition `retry` if the files have another digest than
 *   expected, or changed meanwhile.
 */
export async function loadHostedModel(
  handler: ModelHandler,
  { model: given, probe }: Pick<LoadFrame, 'model' | 'probe'>,
): Promise<HostedModel> {
  const residentBefore = process.memoryUsage.rss();
  const startedAt = performance.now();
  const file = handler.modelFiles === undefined ? undefined : await readModelFile(handler.modelFiles, given);
  const model = await handler.loadModel();
  if (file !== undefined) await checkUnchanged(file);
  if (probe !== undefined) await runProbe(handler, model, probe);
  const own = await describedModel(handler, model);
  // The digest of a file distinguishes its versions.
  const digest = file?.content.digest ?? own?.digest ?? own?.label;
  const info = {
    label: own?.label ?? (digest === undefined ? handler.constructor.name : shownDigest(digest)),
    ...(digest === undefined ? {} : { digest }),
    ...handler.loadReport?.(model),
    loadMillis: performance.now() - startedAt,
    modelBytes: Math.max(0, process.memoryUsage.rss() - residentBefore),
  };
  const { tensorRunner } = handler;
  if (tensorRunner === undefined) return { info, run: valueRunner(handler, model) };
  return {
    info: { ...info, ...tensorRunner.describeTensors(model) },
    run: tensorsRunner(tensorRunner, model),
  };
}

/** Returns the handler's own description of its model. @throws ModelLoadError if a result line can't show it */
async function describedModel(handler: ModelHandler, model: unknown): Promise<ModelDescription | undefined> {
  const described: Partial<ModelDescription> | undefined = await handler.describeModel?.(model);
  if (handler.describeModel === undefined) return undefined;
  const { label, digest } = described ?? {};
  for (const [field, value] of Object.entries({ label, digest: digest ?? label })) {
    if (typeof value === 'string' && MODEL_NAME.test(value)) continue;
    const rule = `a text of 1 to ${MAX_NAME_CHARACTERS} printable ASCII characters`;
    throw new ModelLoadError(`describeModel must give { label, digest? }: '${field}' must be ${rule}`);
  }
  return described as ModelDescription;
}

interface ModelFile {
  readonly path: string;
  readonly content: ModelContent;
}

async function readModelFile(files: ModelFiles, given: LoadFrame['model']): Promise<ModelFile> {
  if (given !== undefined) files.useLocalPath(given.path);
  const path = await files.localPath();
  let content: ModelContent;
  try {
    content = await readModelContent(path, files.select);
  } catch (error) {
    if (error instanceof ModelLoadError) throw error;
    // The store holds this version, so its files must be there.
    if (given?.digest !== undefined) throw changed(path, 'is not there');
    throw new ModelLoadError(`the model ${path} can't be read: ${(error as Error).message}`, { cause: error });
  }
  if (given?.digest === undefined || given.digest === content.digest) return { path, content };
  const digests = `has the digest ${shownDigest(content.digest)}, and should have ${shownDigest(given.digest)}`;
  throw changed(path, `${digests}: a file that is replaced while it serves needs 'refreshSecs'`);
}

async function checkUnchanged({ path, content }: ModelFile): Promise<void> {
  const stamp = await stampOfModel(content).catch(() => undefined);
  if (stamp !== content.stamp) throw changed(path, 'was changed while it was loaded');
}

function changed(path: string, how: string): FabricError {
  return new FabricError('MODEL_CHANGED', `the model ${path} ${how}`, { disposition: 'retry' });
}

function tensorsRunner(runner: TensorRunner, model: unknown): HostedModel['run'] {
  return async (frame, groups) => {
    const size = frame.fragments.reduce((sum, fragment) => sum + fragment.size, 0);
    const batch: EncodedBatch = { kind: 'tensors', size, tensors: frame.tensors ?? [], chunks: groups };
    const startedAt = performance.now();
    const rows = frame.fragments.reduce((sum, fragment) => sum + fragment.rows, 0);
    const outputs = await runner.run(model, decodeTensors(batch), rows);
    const micros = (performance.now() - startedAt) * 1000;
    let row = 0;
    const results = frame.fragments.map((fragment) => {
      const own = sliceRows(outputs, row, row + fragment.size);
      row += fragment.rows;
      return encodeTensors(own, fragment.size);
    });
    return { results, micros };
  };
}

function valueRunner(handler: ModelHandler, model: unknown): HostedModel['run'] {
  let hasAnswered = false;
  return async (frame, groups) => {
    const values = groups.flatMap((group, index) =>
      decodeValues({ kind: 'values', size: frame.fragments[index]?.size ?? 0, chunks: [group] }),
    );
    const args = argsOf(frame);
    const startedAt = performance.now();
    const predictions = await inferValues(handler, model, { values, args, hasAnswered });
    const micros = (performance.now() - startedAt) * 1000;
    hasAnswered = true;
    let start = 0;
    const results = frame.fragments.map(({ size }) => {
      start += size;
      return encodeValues(predictions.slice(start - size, start));
    });
    return { results, micros, areUndefined: predictions.every((prediction) => prediction === undefined) };
  };
}

interface ValueBatch {
  readonly values: readonly unknown[];
  readonly args: InferenceArgs | undefined;
  /** True if an earlier batch gave results. Then an element may be the reason why one does not give a list of them. */
  readonly hasAnswered: boolean;
}

async function inferValues(handler: ModelHandler, model: unknown, { values, args, hasAnswered }: ValueBatch) {
  try {
    const given: unknown = await handler.runInference(values, model, args);
    return await listResults(given, { giver: 'runInference', count: values.length });
  } catch (error) {
    if (!hasAnswered || !(error instanceof ResultCountError) || error.code !== RESULT_KIND) throw error;
    throw new ResultCountError('RESULT_COUNT', error.message, { disposition: 'poison' });
  }
}

/** Returns a batch's arguments, a separate copy: a handler can change them without effect on other batches. */
function argsOf({ inferenceArgs }: RunFrame): InferenceArgs | undefined {
  return inferenceArgs === undefined ? undefined : (deserialize(Buffer.from(inferenceArgs, 'base64')) as InferenceArgs);
}
