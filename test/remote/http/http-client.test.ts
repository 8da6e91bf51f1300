import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import {
  checkAddress,
  checkHeaders,
  HttpClient,
  NotTheProtocolError,
  shownAddress,
} from '../../../lib/remote/http/http-client.ts';
import { selfSigned } from '../self-signed.ts';

const KEY = 'sk-4f9a0c/+"77';

interface Address extends AsyncDisposable {
  readonly url: string;
}

async function listening(server: Server | TcpServer, scheme = 'http'): Promise<Address> {
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

function serving(listener: RequestListener): Promise<Address> {
  return listening(createServer(listener));
}

function answering(status: number, body: string, headers: Record<string, string> = {}): Promise<Address> {
  return serving((_, response) => response.writeHead(status, headers).end(body));
}

function clientOf(url: string): HttpClient {
  return new HttpClient({
    url,
    endpoint: `'wine' at ${shownAddress(url)}`,
    secretHeaders: { authorization: `Bearer ${KEY}` },
  });
}

const signal = new AbortController().signal;
const asJson = { signal, read: (answer: { json: () => unknown }) => answer.json() };

function withoutOutput(): never {
  throw new NotTheProtocolError(`no output for ${KEY}`);
}

/** What a request fails with; every failure says whose it is, and nothing that is secret. */
async function failure(url: string, asked?: (client: HttpClient) => Promise<unknown>): Promise<EndpointError> {
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

describe('a request', () => {
  test('goes to the path below the address, with its headers, and gives what is read of the answer', async () => {
    await using server = await serving((request, response) => {
      const { url, method, headers } = request;
      response.end(JSON.stringify({ url, method, type: headers['content-type'], key: headers.authorization }));
    });
    const client = clientOf(`${server.url}/prefix/?version=2`);
    const answer = await client.postJson('/v2/models/a%2Fb/infer', {}, asJson);
    expect(answer).toEqual({
      url: '/prefix/v2/models/a%2Fb/infer?version=2',
      method: 'POST',
      type: 'application/json',
      key: `Bearer ${KEY}`,
    });
  });

  test('carries bytes both ways', async () => {
    await using server = await serving((request, response) => void request.pipe(response));
    const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index);
    const answer = await clientOf(server.url).post('echo', bytes, { signal, read: (answer) => answer.bytes });
    expect(Buffer.compare(answer, bytes)).toBe(0);
  });

  test('uses a connection again', async () => {
    const ports = new Set<number | undefined>();
    await using server = await serving((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('{}');
    });
    const client = clientOf(server.url);
    for (let count = 0; count < 20; count += 1) await client.get('', asJson);
    expect(ports.size).toBeLessThan(4);
  });

  test("that is aborted rejects with its signal's reason, while the server thinks and while it answers", async () => {
    await using server = await serving((request, response) => {
      if (request.url === '/half') response.write('{');
    });
    for (const path of ['silent', 'half']) {
      const reason = new Error('enough');
      const asked = clientOf(server.url).get(path, { ...asJson, signal: AbortSignal.any([AbortSignal.abort(reason)]) });
      await expect(asked).rejects.toBe(reason);
      const timeout = AbortSignal.timeout(50);
      const late: unknown = await clientOf(server.url)
        .get(path, { ...asJson, signal: timeout })
        .catch((error: unknown) => error);
      expect(late).toBe(timeout.reason);
    }
  });
});

describe('a status says what is done', () => {
  test.for([
    [400, 'EndpointRefusedError', 'poison'],
    [401, 'EndpointCredentialsError', 'fatal'],
    [402, 'EndpointCredentialsError', 'fatal'],
    [403, 'EndpointCredentialsError', 'fatal'],
    [404, 'EndpointModelError', 'fatal'],
    [408, 'EndpointServerError', 'retry'],
    [413, 'EndpointRefusedError', 'poison'],
    [422, 'EndpointRefusedError', 'poison'],
    [429, 'EndpointThrottledError', 'throttle'],
    [500, 'EndpointServerError', 'retry'],
    [503, 'EndpointServerError', 'retry'],
    [529, 'EndpointServerError', 'retry'],
  ] as const)('%i is %s: %s', async ([status, name, disposition]) => {
    await using server = await answering(status, '{}');
    const error = await failure(server.url);
    expect(error).toMatchObject({ name, disposition, status });
    expect(error.message).toContain(String(status));
  });

  test.for([429, 503])('%i may say how long to wait, in seconds, as a date, or in milliseconds', async (status) => {
    const wait = async (headers: Record<string, string>): Promise<number | undefined> => {
      await using server = await answering(status, '', headers);
      return (await failure(server.url)).retryAfterMillis;
    };
    expect(await wait({})).toBeUndefined();
    expect(await wait({ 'retry-after': '7' })).toBe(7000);
    expect(await wait({ 'retry-after': '7', 'retry-after-ms': '250' })).toBe(250);
    const date = await wait({ 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() });
    expect(date).toBeGreaterThan(3_500_000);
    expect(date).toBeLessThanOrEqual(3_600_000);
  });

  test('a redirect is not followed, and nothing secret goes along it', async () => {
    let asked = 0;
    await using other = await serving((_, response) => {
      asked += 1;
      response.end('{}');
    });
    await using server = await answering(307, '', { location: `${other.url}/login?key=${KEY}` });
    const error = await failure(server.url);
    expect(error).toMatchObject({ name: 'EndpointRedirectError', disposition: 'fatal' });
    expect(error.message).toContain(other.url);
    expect(asked).toBe(0);
  });

  test('a handler may know better', async () => {
    await using server = await answering(429, '{"error":{"code":"insufficient_quota","message":"pay"}}');
    const client = new HttpClient({
      url: server.url,
      refusalError: ({ status, body, words }) =>
        new EndpointError(`${status} ${words} ${JSON.stringify(body)}`, { disposition: 'fatal' }),
    });
    await expect(client.get('', asJson)).rejects.toThrow(
      '429 pay {"error":{"code":"insufficient_quota","message":"pay"}}',
    );
  });
});

describe("the server's words", () => {
  test.for([
    ['{"error": "no input x"}', 'no input x'],
    ['{"error": {"message": "no input x", "type": "t"}}', 'no input x'],
    ['{"detail": "no input x"}', 'no input x'],
    ['{"detail":[{"loc":["body","inputs",0],"msg":"no input x","input":"PAYLOAD"}]}', 'body.inputs.0: no input x'],
    ['{"message": "no input x"}', 'no input x'],
    ['Traceback (most recent call last):\n  File "app.py"\n\nValueError: no input x\n', 'ValueError: no input x'],
    ['no\ninput \u0007 x', 'no input x'],
    ['<!doctype html><html><head><title>Sign in</title></head></html>', "an HTML page, 'Sign in'"],
  ] as const)('are taken from %s', async ([body, words]) => {
    await using server = await answering(400, body);
    const { message } = await failure(server.url);
    expect(message.endsWith(`: ${words}`), message).toBe(true);
  });

  test('are cut short', async () => {
    await using server = await answering(400, 'x'.repeat(1_000_000));
    expect((await failure(server.url)).message.length).toBeLessThan(450);
  });

  test('never repeat a secret, however they write it and wherever they are cut', async () => {
    const forms = [KEY, encodeURIComponent(KEY), JSON.stringify(KEY), `Bearer ${KEY}`];
    for (const form of forms) {
      for (const before of [0, 290, 296]) {
        await using server = await answering(400, `${'x'.repeat(before)} ${form} is no key`);
        // `failure` looks for the secret.
        expect((await failure(server.url)).message).toContain('*');
      }
    }
  });

  test("never repeat what is in the address's query", async () => {
    await using server = await serving((request, response) => response.writeHead(400).end(`bad ${request.url}`));
    const { message } = await failure(`${server.url}/?key=${encodeURIComponent(KEY)}`, (client) =>
      client.get('', asJson),
    );
    expect(message).toContain('bad /?key=***');
  });
});

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

  test('with a certificate that nobody signed ends the run', async () => {
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

describe('an answer that is not what the protocol has', () => {
  test('is tried again, and ends the run where there was never another', async () => {
    await using server = await answering(200, '<html><head><title>Sign in</title></head></html>');
    const client = clientOf(server.url);
    const dispositions = [];
    for (let count = 0; count < 6; count += 1) {
      const error = await failure(server.url, () => client.get('infer', asJson));
      expect(error.name).toBe('EndpointProtocolError');
      expect(error.message).toContain("an HTML page, 'Sign in'");
      dispositions.push(error.disposition);
    }
    expect(dispositions).toEqual(['retry', 'retry', 'retry', 'retry', 'fatal', 'fatal']);
  });

  test('never ends the run of an endpoint that has answered rightly at that path', async () => {
    let body = '{}';
    await using server = await serving((_, response) => response.end(body));
    const client = clientOf(server.url);
    await client.get('infer', asJson);
    body = 'oops';
    for (let count = 0; count < 20; count += 1) {
      const error = await failure(server.url, () => client.get('infer', asJson));
      expect(error.disposition).toBe('retry');
    }
  });

  test('fails its elements where another try would be answered in the same way', async () => {
    await using server = await answering(200, '{}');
    const error = await failure(server.url, (client) => client.get('infer', { signal, read: withoutOutput }));
    expect(error).toMatchObject({ name: 'EndpointProtocolError', disposition: 'poison' });
  });

  test('is not read past its limit', async () => {
    let sent = 0;
    await using server = await serving((_, response) => {
      const more = (): void => {
        sent += 65_536;
        if (!response.destroyed) response.write(Buffer.alloc(65_536), () => setImmediate(more));
      };
      more();
    });
    const client = new HttpClient({ url: server.url, endpoint: `'wine' at ${server.url}`, maxAnswerBytes: 1_000_000 });
    const error = await failure(server.url, () => client.get('', asJson));
    expect(error).toMatchObject({ name: 'EndpointAnswerSizeError', disposition: 'poison' });
    expect(error.message).toContain('1000000');
    expect(sent).toBeLessThan(50_000_000);
  });
});

describe('an endpoint is refused', () => {
  test.for(['ftp://a.b', 'wine', '', 'https://user:secret@a.b/c', 'https://secret@a.b/c'])('at %s', (url) => {
    expect(() => checkAddress(url, 'X')).toThrow(TypeError);
    expect(() => checkAddress(url, 'X')).not.toThrow(/secret@/);
  });

  test.for(['Authorization', 'x-api-key', 'api-key', 'X-Auth-Token', 'Cookie'])(
    'with a secret in its config: %s',
    (name) => {
      expect(() => checkHeaders({ [name]: KEY }, 'X')).toThrow(`Cannot create X as 'headers' must not hold '${name}'`);
      expect(() => checkHeaders({ 'x-tenant': 'a' }, 'X')).not.toThrow();
    },
  );

  test("with a secret that can't stand in a header, which is not shown", () => {
    const secretHeaders = { authorization: `Bearer ${KEY}\u0000` };
    const create = (): HttpClient => new HttpClient({ url: 'http://a.b', endpoint: 'wine', secretHeaders });
    expect(create).toThrow("wine can't be sent the header 'authorization'");
    expect(create).not.toThrow(/4f9a0c/);
  });
});
