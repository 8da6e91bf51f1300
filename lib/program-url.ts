import { extname } from 'node:path';

/** Modules of lib/ that each run as a thread or a process, by their paths in lib/ without an extension. */
export const PROGRAMS = [
  'inference/worker/worker-thread',
  'inference/worker/worker-process',
  'hosts/host-process',
  'hosts/parent-watch',
] as const;

/** `.ts` in the sources, `.js` in the package, `.mjs` in what is deployed. */
export const MODULE_EXTENSION = extname(import.meta.url);

/**
 * Returns the URL of a program. A bundler must write the programs to the same paths below the folder of the chunk that
 * holds this module.
 */
export function programUrl(program: (typeof PROGRAMS)[number]): URL {
  return new URL(`./${program}${MODULE_EXTENSION}`, import.meta.url);
}

/** Modules outside lib/ that processes and threads of lib/ import, by their paths in the package without an extension. */
export const MODULES = ['cli/predict/predict-config'] as const;

/** Returns the URL of a module outside lib/, which is built to the same path beside the folder of the programs. */
export function packageModule(path: (typeof MODULES)[number]): URL {
  return new URL(`../${path}${MODULE_EXTENSION}`, import.meta.url);
}
