import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { isS3Uri } from '../../stores/open-source.ts';
import { codeOf, isMissing } from '../../stores/system-errors.ts';
import { answerKey } from '../output-layout.ts';
import { InputError, type RunInput } from './run-input.ts';
import type { RunOutput } from './run-output.ts';

export interface OverlapOptions {
  /** Inputs as they were given: files, directories, globs, URIs. */
  readonly args: readonly string[];
  readonly inputs: readonly RunInput[];
  readonly pipelineName: string;
  readonly output: Pick<RunOutput, 'address' | 'shown'>;
}

/**
 * Refuses an output that overlaps with the inputs:
 *
 * - the output is a directory or prefix that was given as an input, or is in one: the next run would read the results;
 * - the results of an input (its folder, or its answer) are an input, are in one or contain one;
 * - the output contains an input: results of another pipeline or file could be where that input is.
 *
 * Links are followed.
 *
 * @throws InputError
 */
export async function refuseOverlap({ args, inputs, pipelineName, output }: OverlapOptions): Promise<void> {
  const real = realPaths();
  const root = await real(output.address);
  const given = new Map<string, string>();
  for (const arg of args) {
    const folder = await givenFolder(arg);
    if (folder === undefined) continue;
    const place = await real(folder);
    given.set(place, folder);
    if (isIn(place, root))
      throw new InputError(`'--output' must not lie in an input: ${output.address} is in ${folder}`);
  }
  for (const { uri } of inputs) given.set(await real(uri), uri);

  const above = new Map<string, string>();
  for (const [place, uri] of given) {
    for (const folder of outerFolders(place)) {
      // Then so are those above it.
      if (above.has(folder)) break;
      above.set(folder, uri);
    }
  }
  for (const { kind, name, uri } of inputs) {
    const results = output.shown(kind === 'element' ? answerKey(pipelineName, name) : `${pipelineName}/${name}`);
    const place = await real(results);
    const inside = [place, ...outerFolders(place)].find((folder) => given.has(folder));
    const hit = inside === undefined ? above.get(place) : given.get(inside);
    if (hit === undefined) continue;
    const relation = inside === place ? 'is' : inside === undefined ? 'contains' : 'is in';
    throw new InputError(
      `the results of ${uri} would go to ${results}, which ${relation} the input ${hit}: choose another '--output'`,
    );
  }
  for (const [place, uri] of given) {
    if (!isIn(root, place)) continue;
    throw new InputError(
      `'--output' must not contain an input: ${uri} is in ${output.address}. Choose another '--output', such as a new folder`,
    );
  }
}

/** Returns the directory or prefix that an argument names; undefined for a file, an object or a glob. */
async function givenFolder(arg: string): Promise<string | undefined> {
  if (isS3Uri(arg)) return arg.endsWith('/') || !arg.slice('s3://'.length).includes('/') ? arg : undefined;
  const path = resolve(arg);
  const stats = await stat(path).catch(() => undefined);
  return stats?.isDirectory() === true ? path : undefined;
}

/** Returns whether a place is a folder or is in it. Both are results of `realPaths`. */
export function isIn(folder: string, place: string): boolean {
  return place === folder || place.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Returns the folders above a place, the nearest first. */
function outerFolders(place: string): readonly string[] {
  const above: string[] = [];
  for (let folder = dirname(place); folder !== above.at(-1); folder = dirname(folder)) above.push(folder);
  return above;
}

/** Error codes for a path that does not exist or can't be read. */
const NOT_REAL: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES']);

/** A folder is listed when this many paths in it have been resolved: one call then tells which of the others are links. */
const LISTED_FROM = 32;

/**
 * Returns a function that resolves links in paths. For a path that does not exist yet, it resolves the nearest existing
 * folder. S3 URIs stay URIs, which no file path equals. Each folder is resolved once.
 */
export function realPaths(): (path: string) => Promise<string> {
  const known = new Map<string, Promise<string>>();
  const links = new FolderLinks();
  const real = async (path: string): Promise<string> => {
    const above = dirname(path);
    if (above !== path && (await links.isNone(above, basename(path)))) return join(await folder(above), basename(path));
    try {
      return await realpath(path);
    } catch (error) {
      if (!NOT_REAL.has(codeOf(error) ?? '') || above === path) throw error;
      return join(await folder(above), basename(path));
    }
  };
  const folder = (path: string): Promise<string> => {
    const found = known.get(path) ?? real(path);
    known.set(path, found);
    return found;
  };
  return async (path) => (isS3Uri(path) ? path.replace(/\/+$/, '') : real(resolve(path)));
}

/** Links in folders that hold many paths. */
class FolderLinks {
  readonly #asked = new Map<string, number>();
  readonly #links = new Map<string, Promise<ReadonlySet<string> | undefined>>();

  /** Returns true if a path is known not to be a link: it is a file or a folder, or it does not exist. */
  async isNone(folder: string, name: string): Promise<boolean> {
    const asked = (this.#asked.get(folder) ?? 0) + 1;
    this.#asked.set(folder, asked);
    if (asked < LISTED_FROM) return false;
    const links = this.#links.get(folder) ?? linksIn(folder);
    this.#links.set(folder, links);
    return (await links)?.has(name) === false;
  }
}

/** Names of what is neither a file nor a folder; undefined if the folder can't be listed. */
async function linksIn(folder: string): Promise<ReadonlySet<string> | undefined> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return new Set(entries.filter((entry) => !entry.isFile() && !entry.isDirectory()).map(({ name }) => name));
  } catch (error) {
    return isMissing(error) ? new Set() : undefined;
  }
}
