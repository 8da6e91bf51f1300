import { dirname, join, relative, sep } from 'node:path';

/** Where the config and its files lie in a processor's asset: no name of theirs can be one of the fabric's own. */
const CONFIG_FOLDER = 'config';

/** The files of a configuration, each at its own place relative to the others. */
export interface ConfigLayout {
  /** The config module, without `.mjs`. */
  readonly config: string;
  /** What the asset holds, by where it comes from. */
  readonly files: ReadonlyMap<string, string>;
}

/** @param files - absolute paths. */
export function configLayout(configPath: string, files: readonly string[]): ConfigLayout {
  const root = [configPath, ...files].map(dirname).reduce(commonFolder);
  const placeOf = (path: string): string => [CONFIG_FOLDER, ...relative(root, path).split(sep)].join('/');
  return {
    config: placeOf(configPath).replace(/\.[cm]?[jt]s$/, ''),
    files: new Map(files.map((path) => [path, placeOf(path)])),
  };
}

function commonFolder(a: string, b: string): string {
  const folders = a.split(sep);
  const others = b.split(sep);
  const differing = folders.findIndex((folder, index) => folder !== others[index]);
  return join(sep, ...(differing < 0 ? folders : folders.slice(0, differing)));
}
