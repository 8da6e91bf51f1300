import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelLoadError } from '../../errors.ts';
import type { CodecFiles } from '../element-codec.ts';
import { isFolder, namesInFolder } from '../folder-files.ts';
import { type OnnxModel, openOnnxSession, type OnnxSessionOptions, runOnnxSession } from '../onnx-session.ts';
import type { NamedTensors } from '../tensor.ts';
import { type HuggingFaceDtype, selectFiles } from './folder-selection.ts';
import { type ModelSettings, readSettings } from './model-settings.ts';
import type { HostedTask, PipelineTask, TaskOptions } from './pipeline-task.ts';
import { missingTokenizer, type TokenLimits } from './text-tokenizer.ts';
import { checkImageInput } from './image-tensors.ts';
import { checkTokenInputs } from './token-tensors.ts';

/** A loaded model folder, in its host. */
export interface HuggingFaceModel {
  readonly onnx: OnnxModel;
  readonly task: HostedTask;
  readonly codec: CodecFiles;
}

export interface OpenFolderOptions {
  readonly task: PipelineTask;
  readonly options: TaskOptions;
  readonly dtype: HuggingFaceDtype | undefined;
  readonly session: Omit<OnnxSessionOptions, 'path' | 'outputNames' | 'batchDimension'>;
}

/** Loads a model folder. @throws ModelLoadError if a file is missing, or the model can't do the task */
export async function openFolder(folder: string, open: OpenFolderOptions): Promise<HuggingFaceModel> {
  const { task, options, dtype } = open;
  if (!(await isFolder(folder).catch(() => false))) {
    throw new ModelLoadError(
      `${folder} is not a folder: 'model' must be a folder with config.json and onnx/model.onnx`,
    );
  }
  const { onnx: file, names } = selectFiles(await namesInFolder(folder), dtype, folder);
  const settings = await readSettings(folder);
  checkHead(settings, task, options);
  if (task.reads === 'texts') {
    limitsOf(settings, options);
    if (!names.includes('tokenizer.json')) throw missingTokenizer(folder);
  }
  const path = join(folder, file);
  const session = await openOnnxSession({ ...open.session, path, outputNames: undefined, batchDimension: true });
  if (task.reads === 'texts') checkTokenInputs(session.inputs, path);
  else checkImageInput(session.inputs, path);
  const { inputs, outputs } = session;
  const hosted = await task.openHosted({ settings, options, inputs, outputs, path });
  const used = { ...session, outputs: outputs.filter(({ name }) => hosted.outputNames.includes(name)) };
  return { onnx: used, task: hosted, codec: { folder, digest: await digestOf(folder, names) } };
}

/** Runs a batch through a loaded folder, and returns the outputs of its task. */
export function runFolder(
  { onnx, task }: HuggingFaceModel,
  tensors: NamedTensors,
  rows: number,
): Promise<NamedTensors> {
  return task.run((own) => runOnnxSession(onnx, own), tensors, rows);
}

/** Returns the digest of the files that workers read: the configuration and the tokenizer. */
async function digestOf(folder: string, names: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const name of names.filter((one) => one.endsWith('.json'))) {
    hash.update(`${name}\n`).update(await readFile(join(folder, name)));
  }
  return hash.digest('hex');
}

/** @throws ModelLoadError if the configuration names a class of models that has another head */
function checkHead({ folder, config }: ModelSettings, { heads }: PipelineTask, { task }: TaskOptions): void {
  const named = config['architectures'];
  const architectures = Array.isArray(named) ? named.map(String) : [];
  if (architectures.length === 0 || heads.length === 0) return;
  if (architectures.some((name) => heads.some((head) => name.endsWith(head)))) return;
  throw new ModelLoadError(
    `${folder} is a model of the class ${architectures.join(', ')}, and the task '${String(task)}' needs one that ends in ${heads.join(' or ')}`,
  );
}

/** Returns the limits on tokens. @throws ModelLoadError if `maxTokens` is more than the model can read */
export function limitsOf({ maxTokens: most }: ModelSettings, options: TaskOptions): TokenLimits {
  const wanted = options['maxTokens'] as number | undefined;
  if (wanted !== undefined && most !== undefined && wanted > most) {
    throw new ModelLoadError(`'maxTokens' must be at most ${most}, the limit of the model: current value is ${wanted}`);
  }
  return { maxTokens: wanted ?? most, truncation: options['truncation'] !== false };
}
