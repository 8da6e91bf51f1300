import { buildSync } from 'esbuild';
import { OWN_CONDITION } from '../own-modules.ts';

/** A module that is loaded by its name: a handler, a thread's or a process's program, a config. */
export interface EntryPoint {
  readonly path: string;
  /** Its path in the asset, without `.mjs`. */
  readonly name: string;
}

/** Packages with binaries: they go beside the modules, for the target's platform. */
export const NATIVE_PACKAGES = ['onnxruntime-node', 'sharp'] as const;

/** Bundled CommonJS packages look for a `require`. */
const BANNER = "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);";

/**
 * Bundles modules for Node 24, dependencies included but for native packages. What several of them import is in chunks
 * at the root, once. The same sources give the same files.
 *
 * @param folder - the paths of sources in what is written are relative to it.
 * @returns the native packages that are imported.
 */
export function buildModules(entryPoints: readonly EntryPoint[], outdir: string, folder: string): ReadonlySet<string> {
  const { metafile } = buildSync({
    entryPoints: entryPoints.map(({ path, name }) => ({ in: path, out: name })),
    outdir,
    absWorkingDir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    splitting: true,
    platform: 'node',
    target: 'node24',
    // The smaller modules of the AWS SDK, before its CommonJS ones.
    mainFields: ['module', 'main'],
    conditions: [OWN_CONDITION],
    external: [...NATIVE_PACKAGES],
    banner: { js: BANNER },
    // A start is quicker by a fifth; and an error shows its line, which must not be the whole file.
    minify: true,
    lineLimit: 160,
    // Handlers are told apart by the names of their classes.
    keepNames: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  const imported = new Set(Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path)));
  return new Set(NATIVE_PACKAGES.filter((name) => imported.has(name)));
}
