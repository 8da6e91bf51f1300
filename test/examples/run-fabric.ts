import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface FabricRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Variables = Readonly<Record<string, string>>;

/** Runs the command line as a user would, in the repository's root. */
export function runFabric(args: readonly string[], variables: Variables = {}): Promise<FabricRun> {
  return runNode(['dist/cli/fabric.js', ...args], variables);
}

/** Runs a program of the repository; one in TypeScript runs from the sources. */
export async function runNode(args: readonly string[], variables: Variables = {}): Promise<FabricRun> {
  const flags = args[0]?.endsWith('.ts') === true ? ['-C', '@inference-fabric/source'] : [];
  const env = { ...process.env, ...variables };
  const cli = spawn(process.execPath, [...flags, ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(cli, 'exit') as Promise<[status: number | null]>;
  const [stdout, stderr, [status]] = await Promise.all([text(cli.stdout), text(cli.stderr), exit]);
  return { status, stdout, stderr };
}

/** A folder of its own for results; it is gone after the test. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'fabric-examples-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
