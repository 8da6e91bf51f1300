import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';

/** How much of its output is shown where it does not start. */
const SHOWN_CHARACTERS = 4000;
const STOP_MILLIS = 10_000;

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
}

export interface StartOptions {
  /** The interpreter that has it. */
  readonly python: string;
  /** One that holds a folder for each model. */
  readonly models: string;
  /** How many models there are. */
  readonly count: number;
}

/** Starts MLServer on ports of its own; resolves when it serves all of its models. */
export async function startMlserver({ python, models, count }: StartOptions): Promise<RunningServer> {
  const [http, grpc, metrics] = await freePorts(3);
  const settings = { host: '127.0.0.1', http_port: http, grpc_port: grpc, metrics_port: metrics, parallel_workers: 0 };
  await writeFile(join(models, 'settings.json'), JSON.stringify(settings));
  // It keeps its metrics below the folder that it is started in.
  const program = join(dirname(python), 'mlserver');
  const server = spawn(program, ['start', models], { cwd: models, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(server, 'exit');
  let output = '';
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  const onOutput = (chunk: Buffer): void => {
    output += chunk.toString();
    const loaded = output.split(/Loaded model '.*' successfully/).length - 1;
    if (loaded >= count && output.includes(`Uvicorn running on http://127.0.0.1:${http}`)) resolve();
  };
  server.stdout.on('data', onOutput);
  server.stderr.on('data', onOutput);
  server.on('error', reject);
  server.on('exit', () => reject(new Error(`MLServer did not start:\n${output.slice(-SHOWN_CHARACTERS)}`)));
  await ready;
  return {
    url: `http://127.0.0.1:${http}`,
    async [Symbol.asyncDispose]() {
      server.kill('SIGTERM');
      const timer = setTimeout(() => server.kill('SIGKILL'), STOP_MILLIS);
      await exit;
      clearTimeout(timer);
    },
  };
}

/** Ports that were free a moment ago, each another one. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
