import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { globSync } from 'tinyglobby';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The interpreter that has the installed requirements. */
    python: string;
  }
}

type Version = readonly [major: number, minor: number];

export interface PythonEnvironment {
  /** The npm script that needs it, for its messages. */
  readonly neededBy: string;
  /** Its folder in the repository's root. */
  readonly folder: string;
  /** All that is installed, each package at one version, with nothing that these would bring. */
  readonly requirements: URL;
  readonly oldest: Version;
  /** The first version that will not do. @default none */
  readonly tooNew?: Version;
  /** Compiles every module now, not each when it is first imported. @default false */
  readonly compile?: boolean;
}

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const INSTALL_TIMEOUT_MILLIS = 240_000;

/** Makes the virtual environment where it is missing or its requirements have changed. @returns its interpreter */
export async function installPython(environment: PythonEnvironment): Promise<string> {
  const requirements = fileURLToPath(environment.requirements);
  const folder = join(ROOT, environment.folder);
  const installed = join(folder, 'installed-requirements.txt');
  const python = join(folder, 'bin', 'python');
  const wanted = await readFile(requirements, 'utf8');
  if (existsSync(python) && existsSync(installed) && (await readFile(installed, 'utf8')) === wanted) return python;
  process.stderr.write(`installing what npm run ${environment.neededBy} needs in ${environment.folder}/ …\n`);
  await rm(folder, { recursive: true, force: true });
  await run(await findPython(environment), ['-m', 'venv', folder]);
  const options = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-deps'];
  if (environment.compile !== true) options.push('--no-compile');
  const install = ['-m', 'pip', 'install', ...options, '--requirement', requirements];
  await run(python, install, { timeout: INSTALL_TIMEOUT_MILLIS });
  // Written last: an installation that was broken off is made anew.
  await writeFile(installed, wanted);
  return python;
}

async function findPython(environment: PythonEnvironment): Promise<string> {
  const { neededBy, oldest, tooNew } = environment;
  const byName = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11'];
  const ofPyenv = globSync('.pyenv/versions/3.*/bin/python3', { cwd: homedir(), absolute: true, dot: true });
  const candidates = [
    ...(process.env['PYTHON'] ? [process.env['PYTHON']] : []),
    ...byName,
    ...ofPyenv.sort().toReversed(),
  ];
  for (const python of candidates) {
    if (await fits(python, environment)) return python;
  }
  const range = tooNew ? ` and older than ${tooNew.join('.')}` : ' or later';
  throw new Error(`npm run ${neededBy} needs Python ${oldest.join('.')}${range}; PYTHON may name one`);
}

async function fits(python: string, { oldest, tooNew }: PythonEnvironment): Promise<boolean> {
  const bounds = [`(${oldest.join(', ')}) <= sys.version_info`, ...(tooNew ? [`< (${tooNew.join(', ')})`] : [])];
  return run(python, ['-c', `import sys; sys.exit(not (${bounds.join(' ')}))`]).then(
    () => true,
    () => false,
  );
}
