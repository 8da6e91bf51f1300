import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body, parsed. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Anything but text is sent as JSON. */
  readonly body?: unknown;
  /** Closes the connection instead, or in the middle of the body. */
  readonly hangUp?: boolean | 'halfway';
}

export type FakeHandler = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;

export interface FakeService extends AsyncDisposable {
  readonly url: string;
  /** Requests so far, in order. */
  readonly requests: readonly FakeRequest[];
}

export interface FakeServiceOptions {
  /** Speaks HTTP/2 without TLS. @default false */
  readonly http2?: boolean;
  /** Speaks TLS with this key and certificate. @default plain HTTP */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A server of this process on a free port, which answers as it is told. */
export async function startFakeService(answer: FakeHandler, options: FakeServiceOptions = {}): Promise<FakeService> {
  const requests: FakeRequest[] = [];
  const server = makeServer(options);
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  // The compatible part of the HTTP/2 API takes and gives the same as HTTP/1.1's.
  server.on('request', (incoming: Incoming, response: Outgoing) => void respond(incoming, response, requests, answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Incoming extends AsyncIterable<Buffer> {
  readonly method?: string;
  readonly url?: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: { destroy(): unknown };
}

interface Outgoing {
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  write(body: string, sent: () => void): unknown;
  end(body: string): unknown;
}

function makeServer({ http2 = false, tls }: FakeServiceOptions): Server | Http2Server {
  if (http2) return createHttp2Server();
  return tls === undefined ? createServer() : createTlsServer(tls);
}

async function respond(incoming: Incoming, response: Outgoing, requests: FakeRequest[], answer: FakeHandler) {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const request = {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body,
    json: parsed(body),
  };
  requests.push(request);
  const { status = 200, headers = {}, body: answered = {}, hangUp = false } = await answer(request);
  const text = typeof answered === 'string' ? answered : JSON.stringify(answered);
  if (hangUp === true) return incoming.socket.destroy();
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  if (hangUp === false) return response.end(text);
  return response.write(text.slice(0, text.length / 2), () => incoming.socket.destroy());
}

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(body) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
