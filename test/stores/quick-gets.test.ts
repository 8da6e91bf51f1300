import { createHash, createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import { GetObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { AwsClientOptions } from '../../lib/stores/aws-client.ts';
import { openWholeObject } from '../../lib/stores/object-source.ts';
import { getText, type ObjectAddress, type ObjectStore, type StoredObject } from '../../lib/stores/object-store.ts';
import { QuickGets } from '../../lib/stores/quick-gets.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { type FlakyProxy, type ProxiedRequest, startFlakyProxy } from './flaky-proxy.ts';

/** The emulator's, which checks no signature. */
const SECRET = 'local';

describe('QuickGets', () => {
  let aws: TestAws;
  beforeAll(async () => {
    aws = await startTestAws();
    await aws.createBucket('bucket');
  });
  afterAll(() => aws[Symbol.asyncDispose]());

  test('ask as the SDK does for objects of any key, by requests that S3 takes for signed', async () => {
    const { store, proxy } = await behind(() => 'pass');
    await aws.store.put({ bucket: 'bucket', key: 'first' }, 'first');
    expect(await textOf(store, 'first')).toBe('first');
    const key = fc
      .string({
        unit: fc.constantFrom('a', '/', '.', ' ', '+', '%', "!'()*", '~', '?&=#', 'é', '漢', '🦭'),
        minLength: 1,
      })
      .filter((key) => !/(^|\/)\.{0,2}(\/|$)/.test(key));
    await fc.assert(
      fc.asyncProperty(key, async (key) => {
        await aws.store.put({ bucket: 'bucket', key }, `of ${key}`);
        const before = proxy.requests.length;
        expect(await textOf(store, key)).toBe(`of ${key}`);
        const checked = await store.get({ bucket: 'bucket', key }, { isChecked: true });
        expect(Buffer.concat(await Array.fromAsync(checked?.chunks ?? [])).toString()).toBe(`of ${key}`);
        const [quick, bySdk] = proxy.requests.slice(before);
        expect([quick, bySdk].map((request) => request && isBySdk(request))).toEqual([false, true]);
        expect(quick?.url).toBe(bySdk?.url);
      }),
      { numRuns: 50 },
    );
    for (const request of proxy.requests) expect(signatureOf(request)).toBe(expectedSignature(request));
  });

  test('tell of an object what the SDK tells of it', async () => {
    const { store, proxy } = await behind(() => 'pass');
    const address = { bucket: 'bucket', key: 'told' };
    const put = await aws.store.put(address, 'text', { metadata: { one: '1', 'two-three': '2 3' } });
    const infos = [];
    for (const ifMatch of [undefined, undefined, put?.etag]) {
      const object = await store.get(address, ifMatch === undefined ? {} : { ifMatch });
      for await (const _ of object?.chunks ?? []);
      infos.push(object?.info);
    }
    expect(proxy.requests.map(isBySdk)).toEqual([true, false, false]);
    expect(infos[0]).toMatchObject({ etag: put?.etag, byteLength: 4, metadata: { one: '1', 'two-three': '2 3' } });
    expect(infos.slice(1)).toEqual([infos[0], infos[0]]);
  });

  test.each([
    ['a store that is busy', { status: 503, code: 'SlowDown' }],
    ['a refusal', { status: 403, code: 'RequestTimeTooSkewed' }],
    ['a bucket that is elsewhere', { status: 301, code: 'PermanentRedirect' }],
    ['a part', { status: 206, code: 'None' }],
    ['an answer that is lost', 'lose the answer'],
  ] as const)('leave %s to the SDK', async (_, fate) => {
    const { store, proxy } = await behind((_request, place) => (place === 1 ? fate : 'pass'));
    await aws.store.put({ bucket: 'bucket', key: 'left' }, 'text');
    for (let times = 0; times < 3; times += 1) expect(await textOf(store, 'left')).toBe('text');
    // Learned, lost, asked again by the SDK, and quick again.
    expect(proxy.requests.map(isBySdk)).toEqual([true, false, true, false]);
  });

  test('leave objects that are not there, or are others, to the SDK', async () => {
    const { store } = await behind(() => 'pass');
    const address = { bucket: 'bucket', key: 'there' };
    await aws.store.put(address, 'text');
    await textOf(store, 'there');
    expect(await store.get({ bucket: 'bucket', key: 'not there' })).toBeUndefined();
    await textOf(store, 'there');
    expect(await store.get(address, { ifMatch: 'another' })).toBeUndefined();
  });

  test('end with the reason of a signal', async () => {
    const { store } = await behind(() => 'pass');
    await aws.store.put({ bucket: 'bucket', key: 'aborted' }, 'text');
    await textOf(store, 'aborted');
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(store.get({ bucket: 'bucket', key: 'aborted' }, { signal })).rejects.toThrow('stop');
  });

  test('ask no more where they failed, until the SDK was answered', async () => {
    const busy = { status: 503, code: 'SlowDown' };
    const { store, proxy } = await behind((_, place) => (place === 1 || place === 2 ? busy : 'pass'), {
      maxAttempts: 1,
    });
    await aws.store.put({ bucket: 'bucket', key: 'busy' }, 'text');
    await textOf(store, 'busy');
    await expect(textOf(store, 'busy')).rejects.toThrow('SlowDown');
    for (let times = 0; times < 2; times += 1) await textOf(store, 'busy');
    expect(proxy.requests.map(isBySdk)).toEqual([true, false, true, true, false]);
  });

  test('are left to the SDK where a store does not answer at all', async () => {
    const { store, proxy } = await behind((_request, place) => (place === 1 ? 'never answer' : 'pass'), {
      socketTimeoutMillis: 200,
    });
    await aws.store.put({ bucket: 'bucket', key: 'hangs' }, 'text');
    for (let times = 0; times < 2; times += 1) expect(await textOf(store, 'hangs')).toBe('text');
    expect(proxy.requests.map(isBySdk)).toEqual([true, false, true]);
  });

  test('are read on where their connection breaks', async () => {
    const { store, proxy } = await behind((_request, place) => (place === 1 ? { breakAfterBytes: 200_000 } : 'pass'));
    const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => `line ${index}\n`).join(''));
    const put = await aws.store.put({ bucket: 'bucket', key: 'breaks' }, content);
    for (let times = 0; times < 2; times += 1) expect(await textOf(store, 'breaks')).toBe(content.toString());
    expect(proxy.requests.map(isBySdk)).toEqual([true, false, true]);
    expect(proxy.requests[2]?.range).toMatch(/^bytes=[1-9]/);
    expect(proxy.requests[2]?.headers['if-match']).toBe(`"${put?.etag}"`);
  });

  test('give their connection back however they end', async () => {
    const { store, proxy } = await behind(
      (_request, place) => (place === 1 ? { breakAfterBytes: 10 } : 'pass'),
      // With one that is not given back, the next request would wait for ever.
      { maxSockets: 1 },
    );
    const address = { bucket: 'bucket', key: 'large' };
    await aws.store.put(address, Buffer.alloc(4 * 1024 * 1024));
    const endings: (() => Promise<unknown>)[] = [
      () => store.get({ bucket: 'bucket', key: 'an answer that says so breaks' }),
      () => store.get({ bucket: 'bucket', key: 'not there' }),
      () => store.get(address, { ifMatch: 'another' }),
      async () => {
        const object = await store.get(address);
        for await (const _ of object?.chunks ?? []) break;
      },
      async () => {
        await using _source = await openWholeObject(store, address);
      },
      async () => {
        const stop = new AbortController();
        const object = await store.get(address, { signal: stop.signal });
        stop.abort(new Error('stop'));
        await expect(Array.fromAsync(object?.chunks ?? [])).rejects.toThrow('stop');
      },
    ];
    let quick = 0;
    for (const end of endings) {
      await drain(await store.get(address));
      const before = proxy.requests.length;
      await end();
      if (proxy.requests[before] && !isBySdk(proxy.requests[before])) quick += 1;
    }
    await drain(await store.get(address));
    expect(quick).toBe(endings.length);
  });

  async function behind(
    fateOf: Parameters<typeof startFlakyProxy>[1],
    options: AwsClientOptions = {},
  ): Promise<{ readonly store: ObjectStore; readonly proxy: FlakyProxy }> {
    const proxy = await startFlakyProxy(aws.endpoint, fateOf);
    const store = openS3ObjectStore({ ...options, endpoint: proxy.endpoint });
    onTestFinished(async () => {
      store[Symbol.dispose]();
      await proxy[Symbol.asyncDispose]();
    });
    return { store, proxy };
  }
});

/** No store is asked: its requests are seen as they would be sent. */
describe('QuickGets of a client', () => {
  const plain = { region: 'eu-west-1' } as const;
  const local = { ...plain, endpoint: 'http://127.0.0.1:4000' } as const;

  test.each([
    ['on AWS', 'a-bucket', plain],
    ['in a region of its own kind', 'a-bucket', { region: 'cn-north-1' }],
    [
      'in another region, by an access point',
      'arn:aws:s3:us-west-2:123456789012:accesspoint/point',
      { ...plain, useArnRegion: true },
    ],
    ['with dots in its name', 'a.bucket', plain],
    ['by a FIPS endpoint on two stacks', 'a-bucket', { ...plain, useFipsEndpoint: true, useDualstackEndpoint: true }],
    ['by an access point', 'point-0123456789abcdef0123456789abcdef-s3alias', plain],
    ['of another store, by path', 'a-bucket', { ...local, forcePathStyle: true }],
    ['of another store, by host', 'a-bucket', { ...local, endpoint: 'https://store.example' }],
    ['below a path', 'a-bucket', { ...local, endpoint: 'http://127.0.0.1/below/', forcePathStyle: true }],
  ] as const)('ask a bucket as the SDK does: %s', async (_, bucket, config) => {
    const client = watched(config);
    // The SDK's settings keep the region that was signed for first.
    await client.get({ bucket: 'another', key: 'a' });
    const keys = ['learned', 'a', 'a/b', '/a', 'a//b', 'a/', '../a', './a/../b', '..', '.', "ä +%!'()*&?#"];
    for (const key of keys) {
      for (const versionId of [undefined, 'v=1', 'null']) {
        const { quick, bySdk } = await client.get({ bucket, key, ...(versionId && { versionId }) });
        expect(quick).toBeDefined();
        expect(quick && targetOf(quick)).toEqual(targetOf(bySdk));
      }
    }
  });

  test.each([
    ['directory bucket', 'a-bucket--use1-az4--x-s3'],
    ['bucket on Outposts', 'arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-01/accesspoint/point'],
    ['object that is transformed', 'arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/point'],
  ])('leave a %s to the SDK', async (_, bucket) => {
    expect((await watched(plain).get({ bucket, key: 'a' })).quick).toBeUndefined();
  });

  test('leave a client that does not sign to the SDK', async () => {
    const client = watched({ ...plain, signer: { sign: async (request) => request } });
    expect((await client.get({ bucket: 'a-bucket', key: 'a' })).quick).toBeUndefined();
  });

  test('sign with the credentials of the moment', async () => {
    let renewals = 0;
    const client = watched({
      ...plain,
      credentials: async () => {
        renewals += 1;
        // The SDK renews those that are about to expire with each request.
        const expiration = new Date(Date.now() + 1_000);
        return { accessKeyId: `ID${renewals}`, secretAccessKey: 's', sessionToken: `token ${renewals}`, expiration };
      },
    });
    for (let times = 0; times < 3; times += 1) {
      const { quick } = await client.get({ bucket: 'a-bucket', key: 'a' });
      expect(quick?.headers['x-amz-security-token']).toBe(`token ${renewals}`);
      expect(quick?.headers['authorization']).toContain(`Credential=ID${renewals}/`);
    }
    expect(renewals).toBeGreaterThan(3);
  });

  test('sign by the clock that the SDK has found the store to have', async () => {
    const client = watched(plain, hourAhead);
    const { quick } = await client.get({ bucket: 'a-bucket', key: 'a' });
    const time = /^(....)(..)(..)T(..)(..)(..)Z$/.exec(quick?.headers['x-amz-date'] ?? '')?.slice(1) ?? [];
    const signed = new Date(`${time.slice(0, 3).join('-')}T${time.slice(3).join(':')}Z`);
    expect(Math.abs(hourAhead().getTime() - signed.getTime())).toBeLessThan(60_000);
  });
});

const hourAhead = (): Date => new Date(Date.now() + 3_600_000);

type HttpRequest = Parameters<Awaited<ReturnType<S3Client['config']['signer']>>['sign']>[0];
type SentRequest = Pick<HttpRequest, 'hostname' | 'port' | 'protocol' | 'path' | 'query' | 'headers'>;

/** Asks quickly and by the SDK, from when it has learned. */
function watched(config: S3ClientConfig, storeTime = () => new Date()) {
  const sent: SentRequest[] = [];
  const client = new S3Client({
    credentials: { accessKeyId: 'ID', secretAccessKey: 'secret' },
    ...config,
    requestHandler: {
      handle: async (request: HttpRequest) => {
        sent.push(request);
        const body = Readable.from([request.query?.['session'] === undefined ? 'text' : SESSION]);
        return { response: { statusCode: 200, headers: { date: storeTime().toUTCString() }, body } };
      },
    },
  });
  onTestFinished(() => client.destroy());
  const gets = new QuickGets(client);
  const ask = async ({ bucket, key, versionId }: ObjectAddress): Promise<SentRequest> => {
    await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
    const [last] = sent.slice(-1);
    if (last === undefined) throw new Error('nothing was sent');
    return last;
  };
  return {
    async get(address: ObjectAddress) {
      const bySdk = await ask(address);
      const before = sent.length;
      const object = await gets.get(address, {});
      expect(sent.length - before).toBe(object === undefined ? 0 : 1);
      return { bySdk, quick: sent[before] };
    },
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html */
const SESSION = `<CreateSessionResult><Credentials><AccessKeyId>ID</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
  <SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>`;

/** Where a request goes, and what it is signed for. */
function targetOf({ hostname, port, protocol, path, query, headers }: SentRequest) {
  const [, scope] = /Credential=ID\/\d+\/([^,]+),/.exec(headers['authorization'] ?? '') ?? [];
  const { host, 'user-agent': agent, 'x-amz-content-sha256': hash } = headers;
  return { hostname, port, protocol, path, query, scope, host, agent, hash };
}

async function textOf(store: ObjectStore, key: string): Promise<string | undefined> {
  return (await getText(store, { bucket: 'bucket', key }))?.text;
}

function isBySdk({ headers }: ProxiedRequest): boolean {
  return headers['amz-sdk-invocation-id'] !== undefined;
}

async function drain(object: StoredObject | undefined): Promise<void> {
  for await (const _ of object?.chunks ?? []);
}

function signatureOf({ headers }: ProxiedRequest): string | undefined {
  return /Signature=(\w+)/.exec(headers.authorization ?? '')?.[1];
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
function expectedSignature({ method, url, headers }: ProxiedRequest): string {
  const [, scope = '', signed = ''] =
    /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+)/.exec(headers.authorization ?? '') ?? [];
  const [path = '', query = ''] = url.split('?');
  const names = signed.split(';');
  const canonical = [
    method,
    path,
    query.split('&').filter(Boolean).sort().join('&'),
    ...names.map((name) => `${name}:${String(headers[name])}`),
    '',
    signed,
    String(headers['x-amz-content-sha256']),
  ].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', String(headers['x-amz-date']), scope, digest].join('\n');
  const key = scope.split('/').reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${SECRET}`);
  return hmac(key, text).toString('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
