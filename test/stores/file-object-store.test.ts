import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileObjectStore } from '../../lib/stores/file-object-store.ts';
import { getText } from '../../lib/stores/object-store.ts';
import { temporaryFolder } from '../temporary-folder.ts';

describe('openFileObjectStore', () => {
  test.each(['', '.', '..', 'a//b', '/a', 'a/', 'a/../b', './a', 'a\0b'])(
    'keeps no object outside its folder: %j',
    async (key) => {
      const store = openFileObjectStore(await temporaryFolder());
      await expect(store.put({ bucket: 'bucket', key }, 'text')).rejects.toThrow(RangeError);
      await expect(store.get({ bucket: 'bucket', key })).rejects.toThrow(RangeError);
    },
  );

  test.each(['', '..', '.metadata', 'a/b'])('has no bucket of the name %j', async (bucket) => {
    const store = openFileObjectStore(await temporaryFolder());
    await expect(store.put({ bucket, key: 'key' }, 'text')).rejects.toThrow(RangeError);
  });

  test('lays objects out as files, and takes files for objects', async () => {
    const root = await temporaryFolder();
    const store = openFileObjectStore(root);
    await mkdir(join(root, 'input', 'shout'), { recursive: true });
    await writeFile(join(root, 'input', 'shout', 'a.txt'), 'dropped');
    expect(await getText(store, { bucket: 'input', key: 'shout/a.txt' })).toMatchObject({ text: 'dropped' });
    await store.put({ bucket: 'input', key: 'shout/b.txt' }, 'put', { metadata: { job: 'a' } });
    expect(await readdir(join(root, 'input', 'shout'))).toEqual(['a.txt', 'b.txt']);
  });

  test('leaves nothing behind of what was replaced, refused or removed', async () => {
    const root = await temporaryFolder();
    const store = openFileObjectStore(root);
    const address = { bucket: 'bucket', key: 'key' };
    await store.put(address, 'a', { metadata: { n: '1' } });
    await store.put(address, 'b', { metadata: { n: '2' }, only: 'absent' });
    await store.put(address, 'c', { metadata: { n: '3' }, only: { ifMatch: 'none' } });
    await store.put(address, 'd', { metadata: { n: '4' } });
    expect(await store.head(address)).toMatchObject({ metadata: { n: '4' } });
    await store.delete(address);
    const left = await readdir(root, { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  test('never shows content with the metadata of other content', async () => {
    const root = await temporaryFolder();
    const store = openFileObjectStore(root);
    const reader = openFileObjectStore(root);
    const address = { bucket: 'bucket', key: 'key' };
    await store.put(address, '0', { metadata: { n: '0' } });
    const writing = (async () => {
      for (let n = 1; n <= 200; n += 1) await store.put(address, String(n), { metadata: { n: String(n) } });
    })();
    for (let done = false; !done;) {
      const found = await getText(reader, address);
      expect(found?.info.metadata).toEqual({ n: found?.text });
      expect((await reader.head(address))?.metadata.n).toMatch(/^\d+$/);
      done = found?.text === '200';
    }
    await writing;
  });

  test('has no versions', async () => {
    const store = openFileObjectStore(await temporaryFolder());
    const address = { bucket: 'bucket', key: 'key' };
    await store.put(address, 'text');
    expect(await store.head({ ...address, versionId: '1' })).toBeUndefined();
    expect(await store.get({ ...address, versionId: '1' })).toBeUndefined();
  });

  test('says that a key cannot be a folder of another', async () => {
    const store = openFileObjectStore(await temporaryFolder());
    await store.put({ bucket: 'bucket', key: 'a' }, 'text');
    await expect(store.put({ bucket: 'bucket', key: 'a/b' }, 'text')).rejects.toMatchObject({ code: 'STORE_REFUSED' });
    expect(await store.head({ bucket: 'bucket', key: 'a/b' })).toBeUndefined();
  });
});
