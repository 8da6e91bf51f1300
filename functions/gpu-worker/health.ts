import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Health of a worker. */
export interface Health {
  readonly state: 'warming' | 'serving' | 'stopping';
  /** False if the worker seems to hang. */
  readonly isAlive: boolean;
  readonly bundlesAtWork: number;
}

/** The health endpoint of a worker. */
export interface HealthEndpoint extends AsyncDisposable {
  readonly port: number;
}

/** Serves the health of a worker on 127.0.0.1: 200 if its models are loaded and it is alive, otherwise 503. */
export async function serveHealth(port: number, health: () => Health): Promise<HealthEndpoint> {
  const server = createServer((_request, response) => {
    const now = health();
    const isHealthy = now.isAlive && now.state !== 'warming';
    response.writeHead(isHealthy ? 200 : 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify(now));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
