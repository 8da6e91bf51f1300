import { once } from 'node:events';
import { createServer, type IncomingMessage, request as forward, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Maximum time, in seconds, that a message waits: a worker hides one for up to 5 minutes, and delays one by 15. */
const MAX_SECS = 3;

export interface ShortWaits extends AsyncDisposable {
  readonly endpoint: string;
}

/** Passes requests on to an emulator, and shortens the waits of messages that processes hide or delay. */
export async function startShortWaits(endpoint: string): Promise<ShortWaits> {
  const server = createServer((incoming, outgoing) => {
    const pass = mayWait(incoming) ? passShortened : passOn;
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

/** Names of the requests that state how long a message waits, and of the fields that do, in SQS's JSON protocol. */
const REQUESTS: ReadonlySet<unknown> = new Set([
  'AmazonSQS.ChangeMessageVisibility',
  'AmazonSQS.SendMessage',
  'AmazonSQS.SendMessageBatch',
]);
const WAITS: ReadonlySet<string> = new Set(['VisibilityTimeout', 'DelaySeconds']);

function mayWait({ headers }: IncomingMessage): boolean {
  return REQUESTS.has(headers['x-amz-target']);
}

async function passOn(endpoint: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  incoming.pipe(upstream(endpoint, incoming, outgoing));
}

async function passShortened(endpoint: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const body = JSON.stringify(JSON.parse((await buffer(incoming)).toString()), (name, value: unknown) =>
    WAITS.has(name) && typeof value === 'number' ? Math.min(value, MAX_SECS) : value,
  );
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
