import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished, vi } from 'vitest';

/** A request as an AWS client makes it, in JSON. */
export interface AwsRequest {
  /** The operation of a JSON service, otherwise method and path. */
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type AwsAnswer = { readonly status?: number; readonly error?: string; readonly body?: object };

/** Serves all AWS clients of this process until the test has ended. @returns what it was asked */
export async function serveAws(answer: (request: AwsRequest) => AwsAnswer): Promise<readonly AwsRequest[]> {
  const requests: AwsRequest[] = [];
  const server = createServer((incoming, response) => {
    void read(incoming).then((request) => {
      requests.push(request);
      const { status = 200, error, body = {} } = answer(request);
      response.setHeader('content-type', 'application/x-amz-json-1.1');
      // REST services name an error in a header, the others in the body.
      if (error !== undefined) response.setHeader('x-amzn-errortype', error);
      response.writeHead(status).end(JSON.stringify(error === undefined ? body : { __type: error, message: 'no' }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'none');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'none');
  onTestFinished(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });
  return requests;
}

async function read(incoming: IncomingMessage): Promise<AwsRequest> {
  const body = await text(incoming);
  const target = String(incoming.headers['x-amz-target'] ?? '');
  const operation = target === '' ? `${incoming.method} ${incoming.url}` : (target.split('.').at(-1) ?? '');
  return { operation, body: body === '' ? {} : (JSON.parse(body) as Readonly<Record<string, unknown>>) };
}
