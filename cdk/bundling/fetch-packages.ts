import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Options of fetched packages. */
export interface FetchOptions {
  /** Node's name of the architecture. */
  readonly cpu: string;
  /** Folder that caches fetched packages. */
  readonly cache: string;
}

/**
 * Installs packages with Linux binaries for any architecture, once for each version.
 *
 * @param versions - exact versions by name
 * @returns the folder whose `node_modules` contains them
 * @throws Error with the message of npm
 */
export function fetchPackages(versions: Readonly<Record<string, string>>, { cpu, cache }: FetchOptions): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name}@${version}`);
  const folder = join(cache, packages.join('+').replaceAll(/[^\w.@+-]/g, '_'));
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const building = mkdtempSync(`${folder}.`);
  try {
    install(versions, cpu, building);
    renameUnlessThere(building, folder);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return folder;
}

function install(versions: Readonly<Record<string, string>>, cpu: string, folder: string): void {
  // The options of npm for the platform apply to optional dependencies only.
  const manifest = { private: true, optionalDependencies: versions };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const platform = ['--os=linux', `--cpu=${cpu}`, '--libc=glibc'];
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  const { stderr, error } = spawnSync('npm', ['install', ...platform, ...quietly], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const missing = Object.keys(versions).filter((name) => !existsSync(join(folder, 'node_modules', name)));
  if (missing.length === 0) return;
  const reason = error?.message ?? (stderr.trim() || 'no package for this platform');
  throw new Error(`npm could not install ${missing.join(', ')} for linux-${cpu}: ${reason}`);
}

/** Renames the folder, unless another synthesis has fetched the same packages meanwhile. */
function renameUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}
