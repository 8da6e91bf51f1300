import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownFile, ownModule } from '../own-modules.ts';
import { makeReadable } from './make-readable.ts';
import { bundleEngine, configModule, type UserCode } from './engine-bundling.ts';
import { installedVersions } from './native-packages.ts';

/** Settings of a worker that depend on its files. */
export interface LaidOutWorker {
  /** Path of the config module in the folder. */
  readonly config: string;
}

/**
 * Writes the build context of a worker's image: the worker, its engine, the user's config with its models, and the Dockerfile,
 * which installs packages with binaries by the `package.json`.
 *
 * @param folder - an empty folder
 */
export function layOutWorker(code: UserCode, folder: string): LaidOutWorker {
  const worker = { name: 'worker', path: ownModule('functions/gpu-worker/index') };
  const healthCheck = { name: 'health-check', path: ownModule('functions/gpu-worker/health-check') };
  const natives = bundleEngine([worker, healthCheck], code, folder);
  const dependencies = installedVersions(['onnxruntime-node', ...natives]);
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ private: true, dependencies }, undefined, 2)}\n`);
  for (const name of ['Dockerfile', '.dockerignore'])
    copyFileSync(ownFile(`functions/gpu-worker/${name}`), join(folder, name));
  makeReadable(folder);
  return { config: configModule(code) };
}
