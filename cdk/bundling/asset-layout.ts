import { dirname, join, relative, sep } from 'node:path';

/** Folder of the config and its files in an asset, which keeps their names apart from the fabric's files. */
const CONFIG_FOLDER = 'config';

/** Places of the files of a configuration in an asset; their relative places are kept. */
export interface ConfigLayout {
  /** Path of the config module, without `.mjs`. */
  readonly config: string;
  /** Paths in the asset by source path. */
  readonly files: ReadonlyMap<string, string>;
}

/** Returns the places of a config module and its files in an asset. @param files - absolute paths */
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
