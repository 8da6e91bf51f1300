import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

/** A user's project with this package among its dependencies, and other files. It is removed when the test is over. */
export async function userProject(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'node_modules'));
  const packageFolder = fileURLToPath(new URL('../..', import.meta.url));
  await symlink(packageFolder, join(folder, 'node_modules/inference-fabric'), 'junction');
  for (const [name, content] of Object.entries(files)) await writeIn(folder, name, content);
  return folder;
}
