import { describe, expect, test } from 'vitest';
import { checkAddress, checkHeaders, HttpClient, NotTheProtocolError } from '../../../lib/remote/http/http-client.ts';
import { KEY, answering, asJson, clientOf, failure, serving, signal } from './client-of-wine.ts';

function withoutOutput(): never {
  throw new NotTheProtocolError(`no output for ${KEY}`);
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

  test("that is aborted before it is sent rejects with its signal's reason", async () => {
    const reason = new Error('enough');
    const asked = clientOf('http://127.0.0.1:1').get('', { ...asJson, signal: AbortSignal.abort(reason) });
    await expect(asked).rejects.toBe(reason);
  });

  test.for(['thinks', 'answers'])(
    "that is aborted while the server %s rejects with its signal's reason",
    async (when) => {
      const reason = new Error('enough');
      const stop = new AbortController();
      await using server = await serving((_, response) => {
        if (when === 'thinks') stop.abort(reason);
        else response.write('{', () => stop.abort(reason));
      });
      await expect(clientOf(server.url).get('', { ...asJson, signal: stop.signal })).rejects.toBe(reason);
    },
  );
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
      expect(() => checkHeaders({ [name]: KEY }, 'X')).toThrow(
        `Cannot create X as 'headers' must not contain '${name}'`,
      );
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
