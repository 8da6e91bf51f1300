import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { getText } from '../../lib/stores/object-store.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { type ProxiedRequest, startFlakyProxy } from './flaky-proxy.ts';

const OWNER = '123456789012';
/** Larger than one piece of an upload. */
const LARGE = new Uint8Array(9 * 1024 * 1024);

describe('requests to a bucket whose owner is known', () => {
  let aws: TestAws;
  beforeAll(async () => {
    aws = await startTestAws();
    await aws.createBucket('owned');
    await aws.createBucket('other');
  });
  afterAll(() => aws[Symbol.asyncDispose]());

  async function requestsOf(owners: string | undefined): Promise<readonly ProxiedRequest[]> {
    vi.stubEnv('FABRIC_BUCKET_OWNERS', owners);
    const proxy = await startFlakyProxy(aws.endpoint, () => 'pass');
    using store = openS3ObjectStore({ endpoint: proxy.endpoint });
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    for (const bucket of ['owned', 'other']) {
      const address = { bucket, key: 'a' };
      await store.put(address, 'text');
      await store.put({ bucket, key: 'large' }, LARGE);
      // The second one goes past the SDK.
      for (const _ of [1, 2]) expect((await getText(store, address))?.text).toBe('text');
      await store.head(address);
      await store.get(address, { range: { start: 1, end: 2 } });
      await store.copy(address, { bucket, key: 'b' });
      await Array.fromAsync(store.list(bucket, ''));
      await store.delete({ bucket, key: 'b' });
    }
    return proxy.requests;
  }

  test('name it in a signed header, whatever they ask for, and others do not', async () => {
    const requests = await requestsOf(JSON.stringify({ owned: OWNER }));
    const [owned = [], others = []] = ['/owned', '/other'].map((path) =>
      requests.filter(({ url }) => url.startsWith(path)),
    );
    // An upload in pieces is four of them.
    expect(owned).toHaveLength(12);
    for (const { headers } of owned) {
      expect(headers['x-amz-expected-bucket-owner']).toBe(OWNER);
      expect(headers.authorization).toMatch(/SignedHeaders=[^,]*x-amz-expected-bucket-owner/);
    }
    const copies = owned.filter(({ headers }) => headers['x-amz-copy-source'] !== undefined);
    expect(copies.map(({ headers }) => headers['x-amz-source-expected-bucket-owner'])).toEqual([OWNER]);
    expect(owned.filter(({ headers }) => headers['amz-sdk-invocation-id'] === undefined)).toHaveLength(1);
    expect(others).toHaveLength(owned.length);
    expect(JSON.stringify(others)).not.toContain('expected-bucket-owner');
  });

  test.each([undefined, ''])('have no such header where nothing is known of owners: %j', async (owners) => {
    expect(JSON.stringify(await requestsOf(owners))).not.toContain('expected-bucket-owner');
  });
});
