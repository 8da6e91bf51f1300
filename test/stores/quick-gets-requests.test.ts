import { Readable } from 'node:stream';
import { GetObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ObjectAddress } from '../../lib/stores/object-store.ts';
import { QuickGets } from '../../lib/stores/quick-gets.ts';

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
