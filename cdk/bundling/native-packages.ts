import { cpSync, existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Architecture } from '../../lib/config/compute.ts';
import { fetchPackages } from './fetch-packages.ts';

/** Version and dependencies in a `package.json`. */
interface PackageManifest {
  readonly version: string;
  /** Version ranges by name. @default - no dependencies */
  readonly dependencies?: Readonly<Record<string, string>>;
  /** Version ranges by name. @default - no optional dependencies */
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A package in a `node_modules` folder. */
interface InstalledPackage extends PackageManifest {
  readonly name: string;
  /** Folder of the package. */
  readonly folder: string;
}

/** Node's names for Lambda's architectures. */
const CPUS: Readonly<Record<Architecture, string>> = { arm64: 'arm64', x86_64: 'x64' };

/** Files of a package that are not needed at run time. */
const NOT_RUN = /\.(d\.[cm]?ts|map|md|cc|h|gyp|bnf)$|[\\/](src|install|node_modules)$/;

/**
 * Copies onnxruntime with the binaries of one platform, and the only dependency that it needs at run time. CUDA libraries that
 * an installation has fetched are left out.
 */
export function copyOnnxruntime(architecture: Architecture, modules: string): void {
  const onnxruntime = installedPackage('onnxruntime-node', import.meta.dirname);
  const platform = join('bin', 'napi-v6', 'linux', CPUS[architecture]);
  copyPackage(onnxruntime, modules, ['package.json', 'dist', platform]);
  copyPackage(installedPackage('onnxruntime-common', onnxruntime.folder), modules, ['package.json', 'dist/cjs']);
}

/** Copies sharp with its dependencies; binaries for another platform are fetched. */
export function copySharp(architecture: Architecture, modules: string): void {
  const sharp = installedPackage('sharp', import.meta.dirname);
  const needed = withDependencies(sharp);
  for (const dependency of needed.values()) copyPackage(dependency, modules);
  for (const binary of sharpBinaries(sharp, architecture)) copyPackage(binary, modules);
}

/** Returns the exact installed versions of packages and their dependencies, sorted by name. */
export function installedVersions(names: readonly string[]): Readonly<Record<string, string>> {
  const found = new Map<string, InstalledPackage>();
  for (const name of names) withDependencies(installedPackage(name, import.meta.dirname), found);
  const versions = Array.from(found.values(), ({ name, version }) => [name, version] as const);
  return Object.fromEntries(versions.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function sharpBinaries(sharp: InstalledPackage, architecture: Architecture): readonly InstalledPackage[] {
  const cpu = CPUS[architecture];
  const versions = Object.entries(sharp.optionalDependencies ?? {}).filter(([name]) =>
    [`@img/sharp-linux-${cpu}`, `@img/sharp-libvips-linux-${cpu}`].includes(name),
  );
  const installed = versions.flatMap(([name]) => findPackage(name, sharp.folder) ?? []);
  if (installed.length === versions.length) return installed;
  const cache = join(dirname(sharp.folder), '.cache', 'inference-fabric');
  const fetched = fetchPackages(Object.fromEntries(versions), { cpu, cache });
  return versions.map(([name]) => installedPackage(name, fetched));
}

function withDependencies(
  root: InstalledPackage,
  found: Map<string, InstalledPackage> = new Map(),
): ReadonlyMap<string, InstalledPackage> {
  if (found.has(root.name)) return found;
  found.set(root.name, root);
  for (const name of Object.keys(root.dependencies ?? {})) withDependencies(installedPackage(name, root.folder), found);
  return found;
}

function copyPackage({ name, folder }: InstalledPackage, modules: string, parts: readonly string[] = ['.']): void {
  for (const part of parts) {
    cpSync(join(folder, part), join(modules, name, part), { recursive: true, dereference: true, filter: isRun });
  }
}

function isRun(path: string): boolean {
  return !NOT_RUN.test(path) && !basename(path).startsWith('libonnxruntime_providers_');
}

function installedPackage(name: string, from: string): InstalledPackage {
  const found = findPackage(name, from);
  if (found !== undefined) return found;
  throw new Error(`the package ${name} is not installed in ${from} or any folder above it`);
}

/** Finds a package in the folders where Node looks, regardless of its exports. */
function findPackage(name: string, from: string): InstalledPackage | undefined {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name);
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) {
      return { ...(JSON.parse(readFileSync(manifest, 'utf8')) as PackageManifest), name, folder };
    }
    if (at === dirname(at)) return undefined;
  }
}
