import { once } from 'node:events';
import { Agent, createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Stands before a server, and never answers some of the requests. */
export interface HangingProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Resolves when there is a request that is not answered. */
  readonly hangs: Promise<void>;
}

/** @param leftOut - whether a request, `PUT /bucket/key`, is not answered. */
export async function startHangingProxy(server: string, leftOut: (request: string) => boolean): Promise<HangingProxy> {
  const hanging = Promise.withResolvers<void>();
  const agent = new Agent({ keepAlive: true });
  const proxy = createServer((incoming, answer) => {
    const { method = '', url = '', headers } = incoming;
    if (leftOut(`${method} ${url}`)) {
      incoming.resume();
      hanging.resolve();
      return;
    }
    const asked = ask(new URL(url, server), { method, headers, agent }, (response) => {
      answer.writeHead(response.statusCode ?? 500, response.headers);
      pipeline(response, answer).catch(() => answer.destroy());
    });
    pipeline(incoming, asked).catch(() => answer.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    hangs: hanging.promise,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      proxy.close();
      agent.destroy();
    },
  };
}
