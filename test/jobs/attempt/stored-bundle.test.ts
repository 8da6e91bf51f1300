import { describe, expect, test } from 'vitest';
import type { Job, JobPlan } from '../../../lib/jobs/job.ts';
import { objectListKey } from '../../../lib/jobs/output-layout.ts';
import { readStoredBundle } from '../../../lib/jobs/attempt/stored-bundle.ts';
import { memoryObjectStore } from '../memory-ports.ts';

const SOURCE = { uri: 's3://in/p/a b.jsonl', versionId: 'v', etag: 'e' };
const ADDRESS = { bucket: 'in', key: 'p/a b.jsonl', versionId: 'v', etag: 'e' };

function jobOf(plan: JobPlan): Job {
  return { version: 1, id: 'j', pipeline: 'p', name: 'a b.jsonl', source: SOURCE, of: 2, plan, config: 'c' };
}

function options() {
  const store = memoryObjectStore();
  return { store, output: { store, bucket: 'out' }, inputBuckets: ['in', 'more'], manifests: 'any' as const };
}

describe('a bundle of a job in a store', () => {
  const object = { kind: 'ranges', start: 3, byteLength: 30, bundleBytes: 20, header: ['x'] } as const;

  test('is a range of the version that was planned', async () => {
    const bundle = await readStoredBundle(jobOf({ kind: 'object', object, chunked: false }), 1, options());
    expect(bundle).toEqual({
      name: 'a b.jsonl',
      source: { kind: 'range', ...SOURCE, range: { start: 23, end: 30, header: ['x'] } },
      address: { ...ADDRESS, range: { start: 23, end: 30 } },
    });
  });

  test('is a staged chunk where the object is compressed, and says where that came from', async () => {
    const bundle = await readStoredBundle(jobOf({ kind: 'object', object, chunked: true }), 0, options());
    const uri = 's3://out/.fabric/p/j/chunks/0';
    expect(bundle.source).toEqual({
      kind: 'range',
      uri,
      chunk: true,
      range: { start: 3, end: 23, startsLine: true, header: ['x'] },
    });
    expect(bundle.address).toEqual({ ...ADDRESS, range: { start: 3, end: 23 } });
  });

  test.each([
    ['own-prefix', ['q/x', 'x', 'pq/x'], true],
    [undefined, ['q/x'], true],
    ['own-prefix', ['p/x'], false],
    ['any', ['q/x'], false],
  ] as const)('with manifests %s, has objects %j fail: %s', async (manifests, keys, fails) => {
    const job = jobOf({ kind: 'listed', count: 6, bundleElements: 3 });
    const objects = keys.map((key) => ({ bucket: 'more', key }));
    const { source } = await readStoredBundle(job, 1, { ...options(), manifests, objects });
    const failures = (source.kind === 'objects' ? source.objects : []).map(({ failure }) => failure?.name);
    expect(failures).toEqual(keys.map(() => (fails ? 'KeyNotAllowed' : undefined)));
  });

  test('is the objects of its staged list, with what must not be read as failures', async () => {
    const { store, ...rest } = options();
    const failure = { name: 'InvalidManifestEntry', message: 'no' };
    const list = [
      { bucket: 'more', key: 'x', versionId: '1', etag: '2' },
      { failure, entry: 7 },
      { bucket: 'foreign', key: 'y' },
    ];
    await store.put({ bucket: 'out', key: objectListKey({ pipeline: 'p', id: 'j' }, 1) }, JSON.stringify(list));
    const job = jobOf({ kind: 'listed', count: 6, bundleElements: 3 });
    expect(await readStoredBundle(job, 1, { ...rest, objects: [{ bucket: 'in', key: 'other' }] })).toEqual({
      name: 'a b.jsonl',
      source: {
        kind: 'objects',
        firstIndex: 3,
        objects: [
          { uri: 's3://more/x', path: 'x', versionId: '1', etag: '2' },
          { uri: '7', failure },
          {
            uri: 's3://foreign/y',
            path: 'y',
            failure: {
              name: 'BucketNotAllowed',
              message: 'Cannot read the object: foreign is no input bucket of this fabric',
            },
          },
        ],
      },
      address: ADDRESS,
    });
  });

  test('is the objects of its message where no list is staged, and an error where there are none at all', async () => {
    const job = jobOf({ kind: 'listed', count: 6, bundleElements: 3 });
    const own = await readStoredBundle(job, 0, { ...options(), objects: [{ bucket: 'in', key: 'x', etag: 'e' }] });
    expect(own.source).toMatchObject({ objects: [{ uri: 's3://in/x', etag: 'e' }], firstIndex: 0 });
    await expect(readStoredBundle(job, 0, options())).rejects.toThrow('s3://out/.fabric/p/j/objects/0.json, is gone');
  });
});
