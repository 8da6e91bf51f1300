import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../lib/errors.ts';

/** File names of a config, the first that exists in a folder first. */
export const CONFIG_NAMES = [
  'fabric.config.ts',
  'fabric.config.mts',
  'fabric.config.js',
  'fabric.config.mjs',
  'fabric.config.cjs',
] as const;

/** Description of the option `--config`. */
export const CONFIG_OPTION =
  'config module (default: the nearest fabric.config.ts, .mts, .js, .mjs or .cjs, in this folder or above)';

/**
 * Returns the config module that `--config` names, or else the nearest one in the working directory or above it.
 *
 * @throws ConfigError if no folder has one.
 */
export function findConfig(named: string | undefined, folder: string = process.cwd()): URL {
  if (named !== undefined) return pathToFileURL(resolve(folder, named));
  const found = nearestConfig(folder);
  if (found !== undefined) return pathToFileURL(found);
  throw new ConfigError(
    `there is no ${CONFIG_NAMES[0]} in ${folder} or in a folder above it: create one with 'fabric init', or name one with '--config'`,
  );
}

function nearestConfig(folder: string): string | undefined {
  const here = CONFIG_NAMES.map((name) => join(folder, name)).find((path) => existsSync(path));
  const above = dirname(folder);
  return here ?? (above === folder ? undefined : nearestConfig(above));
}
