import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { selfSigned } from '../self-signed.ts';
import { answering, failure, listening, serving } from './client-of-wine.ts';

describe('an endpoint out of reach', () => {
  test('where nothing listens is tried again', async () => {
    const server = await answering(200, '');
    await server[Symbol.asyncDispose]();
    const error = await failure(server.url);
    expect(error).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'retry' });
    expect(error.message).toContain('nothing listens there');
  });

  test('whose host has no address is tried again', async () => {
    const error = await failure('http://no-such-host.invalid');
    expect(error).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'retry' });
  });

  test('that hangs up in its answer is tried again', async () => {
    await using server = await serving((_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy());
    });
    const error = await failure(server.url);
    expect(error).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'retry' });
    expect(error.message).toContain('before the answer was complete');
  });

  test('that does not speak HTTP is tried again', async () => {
    await using server = await listening(
      createTcpServer((socket) => socket.resume().end('220 mail.example.com ESMTP\r\n')),
    );
    const error = await failure(server.url);
    expect(error).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'retry' });
    expect(error.message).toContain('does not speak HTTP');
  });

  test('at a port that fetch refuses ends the run', async () => {
    const error = await failure('http://127.0.0.1:25');
    expect(error).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'fatal' });
  });

  test('with a certificate without a known authority ends the run', async () => {
    const tls = createTlsServer(await selfSigned());
    await using server = await listening(tls, 'https');
    const error = await failure(server.url);
    expect(error).toMatchObject({ name: 'EndpointTlsError', disposition: 'fatal' });
    expect(error.message).toContain('NODE_EXTRA_CA_CERTS');
  });

  test('that speaks no TLS at an https address ends the run', async () => {
    await using server = await answering(200, '{}');
    const error = await failure(server.url.replace('http:', 'https:'));
    expect(error).toMatchObject({ name: 'EndpointTlsError', disposition: 'fatal' });
    expect(error.message).toContain('needs http://');
  });
});
