import { enableCompileCache } from 'node:module';
import { statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { privateCodeFolder } from './private-folder.ts';

const NAME = 'inference-fabric';

/**
 * Has Node.js cache the compiled code of modules in a folder that only this user can write to. Its own default is a
 * predictable folder in the system's temporary one: another user could create it first, and have their code run.
 *
 * The user's settings are kept: NODE_COMPILE_CACHE names another folder, NODE_DISABLE_COMPILE_CACHE turns the cache off.
 * Without a safe folder there is no cache.
 */
export function enableOwnCompileCache(env: Readonly<Record<string, string | undefined>> = process.env): void {
  if (env['NODE_DISABLE_COMPILE_CACHE']) return;
  // Node.js has enabled it before this runs.
  if (env['NODE_COMPILE_CACHE']) return;
  const folder = compileCacheFolder(env);
  if (folder !== undefined) enableCompileCache(folder);
}

/** Returns the first folder that is private, or can be created so; undefined if no folder is. */
export function compileCacheFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  for (const folder of candidates(env)) {
    try {
      return privateCodeFolder(folder);
    } catch {
      // The cache only saves time: a function or a container may have no home, or one that is read-only.
    }
  }
  return undefined;
}

/** Returns folders in the user's cache and in the system's temporary folder. */
function candidates(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const cache = userCache(env);
  const user = process.getuid?.();
  const temporary = join(tmpdir(), `${NAME}-compile${user === undefined ? '' : `-${user}`}`);
  return cache === undefined ? [temporary] : [join(cache, NAME, 'compile'), temporary];
}

/** Returns the folder for caches of this user, as the XDG Base Directory Specification and the systems have it. */
function userCache(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = process.platform === 'win32' ? env['LOCALAPPDATA'] : env['XDG_CACHE_HOME'];
  if (named !== undefined && isAbsolute(named)) return named;
  try {
    const home = homedir();
    // A home that is not there, as in many containers, is not created.
    if (!isAbsolute(home) || !statSync(home).isDirectory()) return undefined;
    return process.platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache');
  } catch {
    return undefined;
  }
}
