import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildPackage, TEST_PROGRAMS } from './build-package.ts';

// Builds the package, as `npm run prepare`: programs in dist/, and in dist/modules/ a file for each module, which
// `cdk synth` bundles with the user's code, and all types. With `--programs` only the first, and the programs of tests.
const isWhole = !process.argv.includes('--programs');
if (isWhole) await rm('dist', { recursive: true, force: true });
await buildPackage(isWhole ? [] : TEST_PROGRAMS);
if (isWhole) {
  const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(/package\.json$/, 'bin/tsc');
  process.exitCode = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' }).status ?? 1;
}
