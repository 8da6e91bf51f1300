import { readdirSync } from 'node:fs';
import type { ModelHandler } from '../models/model-handler.ts';

/** Where NVIDIA's driver has a folder for each GPU; in a container, for each that was given to it. */
const DRIVER_FOLDER = '/proc/driver/nvidia/gpus';

/** How many GPUs processes with this environment can use: those of NVIDIA's driver that CUDA_VISIBLE_DEVICES leaves. */
export function countGpus(env: Readonly<Record<string, string | undefined>>, folder = DRIVER_FOLDER): number {
  const there = foldersIn(folder);
  const visible = env['CUDA_VISIBLE_DEVICES'];
  if (visible === undefined) return there;
  // CUDA ends the list at the first entry that is none, and takes an empty one for no GPU at all.
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

/** How many copies of a model there are: as many as `modelCopies` says, or else one for each GPU that it could be on. */
export function copiesOf(handler: ModelHandler, gpus: number): number {
  const { modelCopies, largeModel = false } = handler.options;
  return modelCopies === undefined && !largeModel && handler.usesGpu ? Math.max(1, gpus) : handler.modelCopies;
}
