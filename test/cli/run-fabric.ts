import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type EndedHere, fabricHere } from '../fabric-here.ts';

const program = fileURLToPath(new URL('../../dist/cli/fabric.js', import.meta.url));
export const configPath = fileURLToPath(new URL('./fixtures/cli.config.ts', import.meta.url));

/** How a `fabric` process ended. */
export interface Ended extends EndedHere {
  readonly signal: NodeJS.Signals | null;
}

/** A `fabric` process on its way. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export interface FabricOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** In a process group of its own, as a terminal has it. */
  readonly detached?: boolean;
  /** Flags of Node before the program. */
  readonly nodeFlags?: readonly string[];
}

export function startFabric(args: readonly string[], options: FabricOptions = {}): Running {
  const { cwd, env = {}, detached = false, nodeFlags = [] } = options;
  const child = spawn(process.execPath, [...nodeFlags, program, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
  });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  const ended = once(child, 'close').then(([status, signal]: unknown[]) => ({
    // As node:child_process documents the event.
    status: status as number | null,
    signal: signal as NodeJS.Signals | null,
    ...printed,
  }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, ended };
}

/** Runs a command to its end: in this process, or in one of its own where it needs another folder or other variables. */
export async function fabric(args: readonly string[], options?: FabricOptions): Promise<EndedHere> {
  return options === undefined ? fabricHere(args) : startFabric(args, options).ended;
}

/** `fabric run` with the fixture config and one worker. */
export async function run(
  pipeline: string,
  inputs: readonly string[],
  output: string,
  flags: readonly string[] = [],
): Promise<EndedHere> {
  return fabricHere(runArgs(pipeline, inputs, output, flags));
}

export function runArgs(
  pipeline: string,
  inputs: readonly string[],
  output: string,
  flags: readonly string[] = [],
): string[] {
  return ['run', pipeline, ...inputs, '--output', output, '--config', configPath, '--workers', '1', ...flags];
}

/** The files below a folder by their paths there, in order; none where it is not there. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** The contents of a job's parts, of results and of errors, by their paths below its folder. */
export async function partsIn(folder: string): Promise<Readonly<Record<string, string>>> {
  const parts: Record<string, string> = {};
  for (const path of await filesBelow(folder))
    if (/(?:^|\/)(?:part|errors)-/.test(path)) parts[path] = await readFile(join(folder, path), 'utf8');
  return parts;
}

export interface Line {
  readonly id: string;
  readonly prediction?: unknown;
  readonly input?: unknown;
  readonly stage?: string;
  readonly error?: { readonly name: string; readonly message: string };
}

/** The lines of a job's results, and then those of its errors. */
export async function linesIn(folder: string): Promise<readonly Line[]> {
  const parts = Object.entries(await partsIn(folder));
  const { results = [], errors = [] } = Object.groupBy(parts, ([path]) =>
    path.startsWith('_errors/') ? 'errors' : 'results',
  );
  return [...results, ...errors].flatMap(([, text]) =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line),
  );
}
