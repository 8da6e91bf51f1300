import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { splitPlace } from '../code-place.ts';

/** Maximum number of places that are kept for one run: most of its failures share a few. */
const MAX_KEPT_PLACES = 1000;

/**
 * Shortens places in code to paths below the config file's folder, `steps/pre.ts:4:19`. A file elsewhere is shown by
 * its name alone, because the rest of its path describes the machine and not the code.
 */
export function placesBelow(configUrl: URL): (place: string) => string {
  const kept = new Map<string, string>();
  let folder: string | undefined;
  return (place) => {
    const known = kept.get(place);
    if (known !== undefined) return known;
    folder ??= realFolder(configUrl);
    const { path, position } = splitPlace(place);
    const below = relative(folder, path);
    const isBelow = !isAbsolute(below) && below !== '..' && !below.startsWith(`..${sep}`);
    const shown = `${isBelow ? below.replaceAll(sep, '/') : basename(path)}:${position}`;
    if (kept.size < MAX_KEPT_PLACES) kept.set(place, shown);
    return shown;
  };
}

/** Returns the real path of the folder: stacks name the targets of symbolic links. */
function realFolder(configUrl: URL): string {
  const folder = dirname(fileURLToPath(configUrl));
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
