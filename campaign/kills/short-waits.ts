import { once } from 'node:events';
import { createServer, type IncomingMessage, request as forward, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Maximum time that a message is hidden, in seconds: a worker hides one that failed for up to 5 minutes. */
const MAX_SECS = 3;

export interface ShortWaits extends AsyncDisposable {
  readonly endpoint: string;
}

/** Passes requests on to an emulator, and shortens the waits of messages that processes hide. */
export async function startShortWaits(endpoint: string): Promise<ShortWaits> {
  const server = createServer((incoming, outgoing) => {
    const pass = isHiding(incoming) ? passShortened : passOn;
    pass(endpoint, incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on a port has such an address.
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function isHiding({ headers }: IncomingMessage): boolean {
  return headers['x-amz-target'] === 'AmazonSQS.ChangeMessageVisibility';
}

async function passOn(endpoint: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  incoming.pipe(upstream(endpoint, incoming, outgoing));
}

async function passShortened(endpoint: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  // A request of SQS's JSON protocol.
  const request = JSON.parse((await buffer(incoming)).toString()) as { readonly VisibilityTimeout: number };
  const body = JSON.stringify({ ...request, VisibilityTimeout: Math.min(request.VisibilityTimeout, MAX_SECS) });
  upstream(endpoint, incoming, outgoing, { 'content-length': String(Buffer.byteLength(body)) }).end(body);
}

function upstream(
  endpoint: string,
  { method, url = '', headers }: IncomingMessage,
  outgoing: ServerResponse,
  changed: Readonly<Record<string, string>> = {},
) {
  const request = forward(new URL(url, endpoint), { method, headers: { ...headers, ...changed } }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(outgoing);
  });
  request.on('error', () => outgoing.destroy());
  outgoing.once('close', () => request.destroy());
  return request;
}
