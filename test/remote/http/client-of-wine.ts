import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, type Server as TcpServer } from 'node:net';
import { expect } from 'vitest';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { HttpClient, shownAddress } from '../../../lib/remote/http/http-client.ts';

export const KEY = 'sk-4f9a0c/+"77';

export interface Address extends AsyncDisposable {
  readonly url: string;
}

export async function listening(server: Server | TcpServer, scheme = 'http'): Promise<Address> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      if ('closeAllConnections' in server) server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function serving(listener: RequestListener): Promise<Address> {
  return listening(createServer(listener));
}

export function answering(status: number, body: string, headers: Record<string, string> = {}): Promise<Address> {
  return serving((_, response) => response.writeHead(status, headers).end(body));
}

export function clientOf(url: string): HttpClient {
  return new HttpClient({
    url,
    endpoint: `'wine' at ${shownAddress(url)}`,
    secretHeaders: { authorization: `Bearer ${KEY}` },
  });
}

export const signal = new AbortController().signal;

export const asJson = { signal, read: (answer: { json: () => unknown }) => answer.json() };

/** Returns the error of a failed request; every one names its endpoint, and contains no secret. */
export async function failure(url: string, asked?: (client: HttpClient) => Promise<unknown>): Promise<EndpointError> {
  const client = clientOf(url);
  const error: unknown = await (asked?.(client) ?? client.postJson('infer', { a: 1 }, asJson)).then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );
  if (!(error instanceof EndpointError)) throw error;
  expect(error.message.startsWith(`'wine' at `)).toBe(true);
  expect(error.message).not.toContain('4f9a0c');
  return error;
}
