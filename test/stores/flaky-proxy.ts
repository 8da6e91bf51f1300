import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as forward,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of a request, by its place among those so far, from 0. */
export type Fate =
  | 'pass'
  /** It reaches the store, but its answer never comes back. */
  | 'lose the answer'
  /** It never reaches the store, and its connection stays open. */
  | 'never answer'
  /** The connection breaks after so many bytes of the answer's body. */
  | { readonly breakAfterBytes: number }
  /** It never reaches the store. */
  | { readonly status: number; readonly code: string };

export interface FlakyProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** The requests so far. */
  readonly requests: readonly ProxiedRequest[];
}

export interface ProxiedRequest {
  readonly method: string;
  /** As it stands in the request. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly range: string | undefined;
}

/** A store's network: passes requests on to an endpoint, as well as it is told to. */
export async function startFlakyProxy(
  endpoint: string,
  fateOf: (request: { readonly method: string; readonly url: string }, place: number) => Fate,
): Promise<FlakyProxy> {
  const requests: ProxiedRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    const fate = fateOf({ method, url }, requests.length);
    requests.push({ method, url, headers, range: headers.range });
    if (fate === 'never answer') return;
    if (typeof fate === 'object' && 'status' in fate) return refuse(incoming, outgoing, fate);
    const upstream = forward(new URL(url, endpoint), { method, headers }, (answer) => {
      if (fate === 'lose the answer') return void answer.resume().once('end', () => incoming.socket.destroy());
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      if (fate === 'pass') return void answer.pipe(outgoing);
      breakAfter(answer, outgoing, fate.breakAfterBytes);
    });
    // The store or the client is gone.
    upstream.on('error', () => outgoing.destroy());
    outgoing.once('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  // A connection that its client does not give back stays so.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { status, code }: { readonly status: number; readonly code: string },
): void {
  incoming.resume().once('end', () => {
    outgoing.writeHead(status, { 'content-type': 'application/xml' });
    outgoing.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>said the proxy</Message></Error>`);
  });
}

function breakAfter(answer: IncomingMessage, outgoing: ServerResponse, bytes: number): void {
  let left = bytes;
  outgoing.flushHeaders();
  answer.on('data', (chunk: Buffer) => {
    if (left < 0) return;
    const passed = chunk.subarray(0, left);
    left -= chunk.byteLength;
    outgoing.write(passed, () => {
      if (left <= 0) outgoing.socket?.destroySoon();
    });
  });
  answer.once('end', () => outgoing.end());
}
