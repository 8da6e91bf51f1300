import type { FormatName } from '../../formats/registry.ts';
import { foldersAbove } from '../output-layout.ts';
import { findLocalInput } from './local-inputs.ts';
import { InputError, rejectedInput, type RunInput } from './run-input.ts';

/**
 * Finds what files, directories, globs and `s3://` URIs name.
 *
 * A file is called by its name; a directory's or glob's files by their paths below it (below a glob's last fixed
 * folder); a directory of objects that are one element each is one job of the directory's name. In S3, what ends in '/'
 * is a directory. An existing file that can't be run is returned as a rejected input, so that the others run.
 *
 * @throws InputError where an argument names nothing, or two would share a folder of results.
 */
export async function findInputs(args: readonly string[], format: FormatName): Promise<readonly RunInput[]> {
  const inputs: RunInput[] = [];
  for (const arg of args) inputs.push(...(await findInput(arg, format)));
  const uris = new Map<string, string>();
  for (const { name, uri } of inputs) {
    const other = uris.get(name);
    if (other !== undefined) throw new InputError(`${other} and ${uri} would both have their results in '${name}'`);
    uris.set(name, uri);
  }
  for (const { name, uri } of inputs) {
    const outer = foldersAbove(name).find((folder) => uris.has(folder));
    if (outer !== undefined)
      throw new InputError(`${uri} would have its results inside those of ${uris.get(outer)}, in '${name}'`);
  }
  return inputs.map(withPossibleName);
}

async function findInput(arg: string, format: FormatName): Promise<readonly RunInput[]> {
  if (!arg.startsWith('s3://')) return findLocalInput(arg, format);
  const { findStoredInput } = await import('./stored-inputs.ts');
  return findStoredInput(arg, format);
}

function withPossibleName(input: RunInput): RunInput {
  const { name, uri } = input;
  const reason = whyNoName(name);
  return reason === undefined ? input : rejectedInput({ uri }, name, `it can't be run as '${name}': ${reason}`);
}

/** Returns why results can't have an input's name. */
function whyNoName(name: string): string | undefined {
  if (name.startsWith('_')) return "names that start with '_' are the fabric's own; rename it";
  // An object key may have such segments; they would lead out of the folder of results.
  if (!name.split('/').some((segment) => ['', '.', '..'].includes(segment))) return undefined;
  return "it has a segment that is empty, '.' or '..'";
}
