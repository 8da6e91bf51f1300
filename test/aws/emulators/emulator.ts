import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** An emulator of AWS in a process of its own, listening on 127.0.0.1. */
export interface Emulator extends AsyncDisposable {
  readonly endpoint: string;
  /** Its own folder, which goes with it. */
  readonly folder: string;
  /** The last lines that it printed. */
  log(): Promise<string>;
}

export interface EmulatorOptions {
  readonly name: string;
  readonly python: string;
  readonly args: readonly string[];
  /** Where it answers with 200 when it is ready. */
  readonly healthPath: string;
  environment(place: { readonly port: number; readonly folder: string }): Readonly<Record<string, string>>;
}

/** Whose access key this is, emulators take to be the account. */
export const ACCOUNT = '000000000000';
export const REGION = 'us-east-1';

const START_MILLIS = 60_000;
const HEALTH_EVERY_MILLIS = 100;
const LOG_LINES = 80;

/**
 * The emulator leads a process group of its own, with all that it starts. A watcher in the group ends it when the pipe to
 * it closes: when the emulator is disposed of, and however this process ends.
 */
const WATCHED = 'exec 3<&0; (read -r _ <&3; kill -9 0) & exec "$@" </dev/null 3<&-';

/** Starts an emulator, and waits until it is healthy. @throws with the end of its log where it does not get so far */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const folder = await mkdtemp(join(tmpdir(), `fabric-${options.name}-`));
  const port = await freePort();
  const logFile = join(folder, 'log.txt');
  const log = openSync(logFile, 'a');
  const child = spawn('sh', ['-c', WATCHED, options.name, options.python, ...options.args], {
    cwd: folder,
    env: { ...plainEnvironment(), TMPDIR: folder, HOME: folder, ...options.environment({ port, folder }) },
    stdio: ['pipe', log, log],
    detached: true,
  });
  closeSync(log);
  const emulator: Emulator = {
    endpoint: `http://127.0.0.1:${port}`,
    folder,
    log: async () => (await readFile(logFile, 'utf8')).split('\n').slice(-LOG_LINES).join('\n'),
    async [Symbol.asyncDispose]() {
      await stop(child);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await healthy(new URL(options.healthPath, emulator.endpoint), child);
    return emulator;
  } catch (error) {
    const printed = await emulator.log();
    await emulator[Symbol.asyncDispose]();
    throw new Error(`${options.name} did not start: ${(error as Error).message}\n${printed}`, { cause: error });
  }
}

/** An emulator that somebody else has started, and will stop. */
export async function runningEmulator(name: string, health: URL): Promise<Emulator> {
  await healthy(health);
  const folder = await mkdtemp(join(tmpdir(), `fabric-${name}-`));
  return {
    endpoint: health.origin,
    folder,
    log: async () => `the log of ${name} is where it was started`,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function healthy(url: URL, child?: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_MILLIS;
  while (performance.now() < deadline) {
    if (child && child.exitCode !== null) throw new Error(`it ended with status ${child.exitCode}`);
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    if (answer?.ok) return;
    await delay(HEALTH_EVERY_MILLIS);
  }
  throw new Error(`it was not healthy after ${START_MILLIS / 1000} s`);
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  child.stdin?.end();
  await exited;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** This process's environment without what is set for AWS, vitest or npm. */
export function plainEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^(AWS_|CDK_|VITEST|npm_|NODE_)/.test(entry[0]),
  );
  return Object.fromEntries(kept);
}

/** The variables by which the AWS SDK, the CDK and the CLI find an emulator, and nothing but it. */
export function emulatorEnvironment({
  endpoint,
  folder,
}: Pick<Emulator, 'endpoint' | 'folder'>): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ENDPOINT_URL_SQS: endpoint,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCESS_KEY_ID: ACCOUNT,
    AWS_SECRET_ACCESS_KEY: 'emulated',
    AWS_CONFIG_FILE: `${folder}/no-config`,
    AWS_SHARED_CREDENTIALS_FILE: `${folder}/no-credentials`,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
