import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { splitPlace } from '../errors.ts';

/** Places of one run that are kept: most of its failures have the same few. */
const MAX_KEPT_PLACES = 1000;

/**
 * Shortens places in code to paths below the config file's folder, `steps/pre.ts:4:19`; of a file elsewhere its name is
 * shown alone, for the rest says more of the machine than of the code.
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

/** Stacks name the files that links lead to. */
function realFolder(configUrl: URL): string {
  const folder = dirname(fileURLToPath(configUrl));
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
