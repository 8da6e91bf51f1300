import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { MODULES, PROGRAMS } from '../lib/program-url.ts';
import manifest from '../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('..', import.meta.url));
const OUT = 'dist';

/** Modules that are imported or started by their paths. */
const ENTRY_POINTS = [
  'lib/index',
  'cdk/index',
  'cli/fabric',
  // Where tests find the programs of the build.
  'lib/program-url',
  ...PROGRAMS.map((path) => `lib/${path}`),
  ...MODULES,
];

/** Programs that tests start beside the package's: they share its chunks. */
export const TEST_PROGRAMS = ['functions/gpu-worker/index'] as const;

/** Packages that stay packages. Of zod the modules take a small part, without its messages in 50 languages. */
const EXTERNAL = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).flatMap((name) => [
  name,
  `${name}/*`,
]);

/**
 * Writes the programs of dist/: each entry point, and what several of them import in chunks in its lib/. A process or a thread
 * loads a few files instead of hundreds, which halves its start.
 *
 * @param others - paths of further entry points, without an extension.
 */
export async function buildPackage(others: readonly string[] = []): Promise<void> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [...ENTRY_POINTS, ...others].map((path) => ({ in: `${path}.ts`, out: path })),
    outdir: OUT,
    chunkNames: 'lib/chunk-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: EXTERNAL,
    conditions: ['@inference-fabric/source'],
    // Handlers are told apart by the names of their classes.
    keepNames: true,
    legalComments: 'none',
    write: false,
    logLevel: 'warning',
  });
  const paths = new Set(outputFiles.map(({ path }) => path));
  await Promise.all(outputFiles.map(({ path, contents }) => writeIfChanged(path, contents)));
  // npm does this where the package is installed; in the repository, `npx fabric` runs the file as it is.
  await chmod(join(root, manifest.bin.fabric), 0o755);
  const chunks = await readdir(join(root, OUT, 'lib'), { recursive: true });
  const old = chunks
    .map((path) => join(root, OUT, 'lib', path))
    .filter((path) => path.endsWith('.js') && !paths.has(path));
  await Promise.all(old.map((path) => rm(path)));
}

/** Processes that run from an equal build are not disturbed. */
async function writeIfChanged(path: string, contents: Uint8Array): Promise<void> {
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(contents) === true) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, contents);
}
