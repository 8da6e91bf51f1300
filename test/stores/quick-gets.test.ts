import { createHash, createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { AwsClientOptions } from '../../lib/stores/aws-client.ts';
import { openWholeObject } from '../../lib/stores/object-source.ts';
import { getText, type ObjectStore, type StoredObject } from '../../lib/stores/object-store.ts';
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
      patienceMillis: 0,
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
