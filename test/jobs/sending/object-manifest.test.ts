import { describe, expect, test } from 'vitest';
import { type ListedEntry, manifestKindOf, readManifest } from '../../../lib/jobs/sending/object-manifest.ts';
import { memorySource } from '../../formats/sources.ts';

async function read(kind: 'json' | 'csv', content: string): Promise<ListedEntry[]> {
  const entries: ListedEntry[] = [];
  const options = { bucket: 'in', inputBuckets: ['in', 'more'] };
  for await (const page of readManifest(memorySource(content, 50), kind, options)) entries.push(...page);
  return entries;
}

describe('manifestKindOf', () => {
  test.each([
    ['a.manifest.json', 'json'],
    ['2026/a.manifest.csv', 'csv'],
    ['a.manifest.json.gz', undefined],
    ['manifest.json', undefined],
    ['a.json', undefined],
  ])('%s is %s', (name, kind) => {
    expect(manifestKindOf(name)).toBe(kind);
  });
});

describe('readManifest', () => {
  test("puts SageMaker's prefix before each key", async () => {
    const content = JSON.stringify([{ prefix: 's3://more/images/' }, 'a.png', 'b c/d+e%2B.png']);
    expect(await read('json', content)).toEqual([
      { bucket: 'more', key: 'images/a.png' },
      { bucket: 'more', key: 'images/b c/d+e%2B.png' },
    ]);
  });

  test("takes keys of the manifest's own bucket, and URIs, where there is no prefix", async () => {
    expect(await read('json', '["a.png", "s3://more/b.png"]')).toEqual([
      { bucket: 'in', key: 'a.png' },
      { bucket: 'more', key: 'b.png' },
    ]);
  });

  test('decodes the keys of S3 Batch Operations, with their versions', async () => {
    const content = 'in,a+b%2Bc.png\r\n"more","%E6%97%A5,x",v1\n\nin,d,\nin,e,null';
    expect(await read('csv', content)).toEqual([
      { bucket: 'in', key: 'a b+c.png' },
      { bucket: 'more', key: '日,x', versionId: 'v1' },
      { bucket: 'in', key: 'd' },
      { bucket: 'in', key: 'e' },
    ]);
  });

  test.each([
    ['json', '["a", 7, "b"]', 'InvalidManifestEntry', 7],
    ['json', '["a", "", "b"]', 'InvalidManifestEntry', ''],
    ['json', '["a", {"prefix":"s3://in/"}, "b"]', 'InvalidManifestEntry', { prefix: 's3://in/' }],
    ['json', '["a", {oops}, "b"]', 'JsonSyntaxError', '{oops}'],
    ['json', '["a", "s3://in/", "b"]', 'InvalidManifestEntry', 's3://in/'],
    ['json', '["a", "s3://secret/key", "b"]', 'BucketNotAllowed', 's3://secret/key'],
    ['csv', 'in,a\nsecret,key\nin,b', 'BucketNotAllowed', 'secret,key'],
    ['csv', 'in,a\nin\nin,b', 'InvalidManifestEntry', 'in'],
    ['csv', 'in,a\nin,k,v,more\nin,b', 'InvalidManifestEntry', 'in,k,v,more'],
    ['csv', 'in,a\nin,%E6%97\nin,b', 'InvalidManifestEntry', 'in,%E6%97'],
    ['csv', 'in,a\n"in,b\nin,b', 'InvalidManifestEntry', '"in,b'],
  ] as const)('fails an entry of a %s manifest alone: %s', async (kind, content, name, entry) => {
    const entries = await read(kind, content);
    expect(entries).toHaveLength(3);
    expect(entries[1]).toMatchObject({ failure: { name }, entry });
    expect([entries[0], entries[2]]).toEqual(['a', 'b'].map((key) => ({ bucket: 'in', key })));
  });

  test('fails an entry alone whose key is longer than S3 has keys', async () => {
    const [longest, tooLong] = ['k'.repeat(1024), 'é'.repeat(513)];
    const failed = { failure: { name: 'InvalidManifestEntry' } };
    for (const entries of [
      await read('json', JSON.stringify([longest, tooLong, 'b'])),
      await read('csv', `in,${longest}\nin,${encodeURIComponent(tooLong)}\nin,b`),
    ]) {
      expect(entries).toMatchObject([{ bucket: 'in', key: longest }, failed, { bucket: 'in', key: 'b' }]);
    }
  });

  test('finds nothing in an empty manifest', async () => {
    for (const content of ['', '[]', '[{"prefix":"s3://in/"}]']) expect(await read('json', content)).toEqual([]);
    for (const content of ['', '\n\n']) expect(await read('csv', content)).toEqual([]);
  });

  test.each(['{"a":1}', '"a"', '[{"prefix":"http://x"}]', '[{"prefix":7}]', '["a"] more'])(
    'refuses what is no manifest: %s',
    async (content) => {
      await expect(read('json', content)).rejects.toMatchObject({ disposition: 'fatal' });
    },
  );
});
