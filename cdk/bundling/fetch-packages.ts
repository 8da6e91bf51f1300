import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FetchOptions {
  /** Node's name of the processor. */
  readonly cpu: string;
  /** A folder that keeps what was fetched. */
  readonly cache: string;
}

/**
 * Installs packages of Linux binaries for a processor that may be another than this machine's, once a version.
 *
 * @param versions - exact versions by name.
 * @returns the folder whose `node_modules` has them.
 * @throws Error with what npm said.
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
  // What npm is told about the platform holds for optional dependencies only.
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
  const reason = error?.message ?? (stderr.trim() || 'there is none for it');
  throw new Error(`npm can't install ${missing.join(', ')} for linux-${cpu}: ${reason}`);
}

/** Two syntheses may fetch the same at once. */
function renameUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}
