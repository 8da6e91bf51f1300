import { rm } from 'node:fs/promises';
import { makeTemporaryFolder, type TemporaryUse } from '../lib/stores/left-files.ts';

/** Creates a folder for the temporary files of a command; it is removed when it is disposed of. */
export async function temporaryFolder(use: TemporaryUse): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await makeTemporaryFolder(use);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
