import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import {
  OnnxModelHandler,
  type OnnxModelHandlerOptions,
  type OnnxOutput,
} from '../../lib/models/onnx-model-handler.ts';

/** The path of one of the models here. */
export function modelFile(name: string): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}

/** Loads one of the models here in this process, and runs one batch through it. */
export async function infer(
  name: string,
  elements: readonly unknown[],
  options: Partial<OnnxModelHandlerOptions> = {},
): Promise<readonly OnnxOutput[]> {
  const handler = new OnnxModelHandler({ modelUri: modelFile(name), ...options });
  return handler.runInference(elements, await handler.loadModel());
}

/** A folder with copies of some of the models, gone when the test is over. */
export async function modelFolder(...names: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fabric-models-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const name of names) await copyFile(modelFile(name), join(folder, name));
  return folder;
}
