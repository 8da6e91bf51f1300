import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildPackage } from './build-package.ts';

// Builds the package, as `npm run prepare`: dist/bundled/ for programs, and dist/ with a file for each module, which
// `cdk synth` bundles with the user's code, and all types. With `--programs` only the first.
await buildPackage();
if (!process.argv.includes('--programs')) {
  const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(/package\.json$/, 'bin/tsc');
  process.exitCode = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' }).status ?? 1;
}
