import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { globSync } from 'tinyglobby';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The interpreter that has the emulators installed. */
    python: string;
  }
}

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const INSTALL_TIMEOUT_MILLIS = 240_000;
/** LocalStack 4.14.0 is written in 3.12's syntax. */
const OLDEST = [3, 12] as const;

/** Makes `.venv/` with the emulators in it, where it is missing or the requirements have changed. */
export default async function setup(project: TestProject): Promise<void> {
  const folder = join(ROOT, '.venv');
  const installed = join(folder, 'installed-requirements.txt');
  const python = join(folder, 'bin', 'python');
  const wanted = await readFile(REQUIREMENTS, 'utf8');
  if (!existsSync(python) || !existsSync(installed) || (await readFile(installed, 'utf8')) !== wanted) {
    process.stderr.write('installing the emulators in .venv/ …\n');
    await rm(folder, { recursive: true, force: true });
    await run(await findPython(), ['-m', 'venv', folder]);
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-input'];
    const install = ['-m', 'pip', 'install', ...quiet, '--no-deps', '--requirement', REQUIREMENTS];
    await run(python, install, { timeout: INSTALL_TIMEOUT_MILLIS });
    // Written last: an installation that was broken off is made anew.
    await writeFile(installed, wanted);
  }
  project.provide('python', python);
}

async function findPython(): Promise<string> {
  const byName = ['python3', 'python3.14', 'python3.13', 'python3.12'];
  const ofPyenv = globSync('.pyenv/versions/3.*/bin/python3', { cwd: homedir(), absolute: true, dot: true });
  const candidates = [
    ...(process.env['PYTHON'] ? [process.env['PYTHON']] : []),
    ...byName,
    ...ofPyenv.sort().toReversed(),
  ];
  for (const python of candidates) {
    if (await isNewEnough(python)) return python;
  }
  throw new Error(`npm run test:aws needs Python ${OLDEST.join('.')} or later; PYTHON may name one`);
}

async function isNewEnough(python: string): Promise<boolean> {
  const script = `import sys; sys.exit(sys.version_info < (${OLDEST.join(', ')}))`;
  return run(python, ['-c', script]).then(
    () => true,
    () => false,
  );
}
