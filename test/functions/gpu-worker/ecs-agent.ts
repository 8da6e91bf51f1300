import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface EcsAgent {
  /** `$ECS_AGENT_URI` */
  readonly uri: string;
  /** Method, URL and body of each request. */
  readonly asked: readonly unknown[];
}

/** Answers as the ECS agent does, until the test has ended. */
export async function ecsAgent(): Promise<EcsAgent> {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push([request.method, request.url, JSON.parse(body)]);
      response.end(JSON.stringify({ protection: {} }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { asked, uri: `http://127.0.0.1:${port}/api/x` };
}
