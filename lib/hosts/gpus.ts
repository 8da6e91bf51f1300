import { readdirSync } from 'node:fs';
import type { ModelHandler } from '../models/model-handler.ts';

/** Folder in which NVIDIA's driver has a folder for each GPU, in a container for each of the container's GPUs. */
const DRIVER_FOLDER = '/proc/driver/nvidia/gpus';

/** Returns the number of GPUs for processes with this environment: the driver's, limited by CUDA_VISIBLE_DEVICES. */
export function countGpus(env: Readonly<Record<string, string | undefined>>, folder = DRIVER_FOLDER): number {
  const there = foldersIn(folder);
  const visible = env['CUDA_VISIBLE_DEVICES'];
  if (visible === undefined) return there;
  // CUDA ends the list at the first invalid entry, and an empty list means no GPU.
  const names = visible.split(',').map((name) => name.trim());
  const end = names.findIndex((name) => name === '' || name.startsWith('-'));
  return Math.min(there, end === -1 ? names.length : end);
}

function foldersIn(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0;
  }
}

/** Returns the number of copies of a model: `modelCopies`, or else one for each GPU that the model can use. */
export function copiesOf(handler: ModelHandler, gpus: number): number {
  const { modelCopies, largeModel = false } = handler.options;
  return modelCopies === undefined && !largeModel && handler.usesGpu ? Math.max(1, gpus) : handler.modelCopies;
}
