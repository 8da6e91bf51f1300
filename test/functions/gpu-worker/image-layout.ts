import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Env, type Instruction } from 'dockerfile-ast';
import type { UserCode } from '../../../cdk/bundling/engine-bundling.ts';
import { layOutWorker } from '../../../cdk/bundling/worker-bundling.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { rawOf, stagesOf } from './dockerfile-rules.ts';

const PACKAGES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

/** What an image for CPUs would have, on this machine's disk. */
export interface ImageLayout {
  /** The image's working folder. */
  readonly app: string;
  /** The image's variables, with a folder of the test's own for its `/tmp`. */
  readonly env: Readonly<Record<string, string>>;
  /** What Node is given to run. */
  readonly entryPoint: readonly string[];
  readonly healthCheck: readonly string[];
}

/** Does what the Dockerfile says for CPUs, without Docker: npm's installation is a copy of what is installed here. */
export async function layOutImage(code: UserCode): Promise<ImageLayout & { readonly config: string }> {
  const [context, app, tmp] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
  const { config } = layOutWorker(code, context);
  const stages = stagesOf(readFileSync(join(context, 'Dockerfile'), 'utf8'));
  const packages = stages.find(({ name }) => name === 'packages-cpu')?.instructions ?? [];
  cpSync(join(context, 'package.json'), join(app, 'package.json'));
  for (const step of packages) runStep(step, app);
  copyContext(context, app);
  const last = stages.at(-1)?.instructions ?? [];
  return {
    config,
    app,
    env: variablesOf(last, tmp),
    entryPoint: programOf(last, 'ENTRYPOINT'),
    healthCheck: programOf(last, 'HEALTHCHECK'),
  };
}

function runStep(step: Instruction, app: string): void {
  const command = rawOf(step);
  if (step.getKeyword() !== 'RUN') return;
  // It runs here as it is, so it must not leave the folder.
  if (/(^|[\s"'=])(\/|~|\.\.)/.test(command)) throw new Error(`the step must keep to its folder: ${command}`);
  if (command.startsWith('npm install ')) return installFromHere(app);
  const path = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  execFileSync('sh', ['-ec', command], { cwd: app, env: { PATH: path } });
}

function installFromHere(app: string): void {
  const { dependencies } = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    const to = join(app, 'node_modules', name);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(PACKAGES, name), to, { recursive: true, dereference: true });
  }
}

/** As `COPY . .` does. */
function copyContext(context: string, app: string): void {
  const ignored = new Set(readFileSync(join(context, '.dockerignore'), 'utf8').split('\n'));
  for (const name of readdirSync(context).filter((name) => !ignored.has(name)))
    cpSync(join(context, name), join(app, name), { recursive: true });
}

function variablesOf(instructions: readonly Instruction[], tmp: string): Readonly<Record<string, string>> {
  const properties = instructions.filter((it) => it instanceof Env).flatMap((it) => it.getProperties());
  return Object.fromEntries(
    properties.map((property) => [property.getName(), (property.getValue() ?? '').replace(/^\/tmp/, tmp)]),
  );
}

function programOf(instructions: readonly Instruction[], keyword: string): readonly string[] {
  const found = instructions.find((it) => it.getKeyword() === keyword);
  const json = found && /\[.*\]$/.exec(rawOf(found))?.[0];
  const [program, ...args] = JSON.parse(json ?? '[]') as readonly string[];
  if (program !== 'node') throw new Error(`${keyword} must start Node`);
  return args;
}
