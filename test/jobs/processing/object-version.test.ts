import { describe, expect, test } from 'vitest';
import {
  isNewer,
  lookAtVersion,
  type ObjectVersion,
  versionMetadata,
} from '../../../lib/jobs/processing/object-version.ts';
import { memoryObjectStore } from '../memory-ports.ts';

const version = (fields: Partial<ObjectVersion>): ObjectVersion => ({ etag: 'new', isCurrent: false, ...fields });
const answered = (fields: Partial<ObjectVersion>) => versionMetadata(version({ etag: 'old', ...fields }));

describe('isNewer', () => {
  test.each<[string, Partial<ObjectVersion>, Partial<ObjectVersion>, boolean]>([
    ['a later sequencer', { sequencer: '0b' }, { sequencer: '0a' }, true],
    ['an earlier sequencer', { sequencer: '0a', lastModified: 2 }, { sequencer: '0b', lastModified: 1 }, false],
    ['a longer sequencer that goes on where the other ends', { sequencer: '0a01' }, { sequencer: '0a' }, true],
    ['a shorter sequencer, filled up on its right', { sequencer: '0b' }, { sequencer: '0a01' }, true],
    ['sequencers that differ in case', { sequencer: '0A' }, { sequencer: '0a' }, false],
    ['written later', { lastModified: 2 }, { lastModified: 1 }, true],
    ['written earlier', { lastModified: 1, isCurrent: true }, { lastModified: 2 }, false],
    ['written later, one sequencer', { lastModified: 2, sequencer: '01' }, { lastModified: 1 }, true],
    ['written in the same second, and there now', { lastModified: 1, isCurrent: true }, { lastModified: 1 }, true],
    ['written in the same second, and replaced', { lastModified: 1 }, { lastModified: 1 }, false],
    ['there, where the other was gone', { lastModified: 1 }, {}, true],
    ['gone', {}, { lastModified: 1 }, false],
    ['the same', { etag: 'old', lastModified: 1, sequencer: '02' }, { lastModified: 1, sequencer: '02' }, false],
    [
      'the same content under another version',
      { etag: 'old', versionId: 'b', sequencer: '02' },
      { versionId: 'a', sequencer: '01' },
      true,
    ],
  ])('%s', (_, own, other, expected) => {
    expect(isNewer(version(own), answered(other))).toBe(expected);
  });
});

describe('lookAtVersion', () => {
  test('finds when a version was written, also one that was replaced, and what the key holds', async () => {
    let time = 1000;
    const store = memoryObjectStore({ versioned: true, now: () => (time += 1000) });
    const object = { bucket: 'in', key: 'p/x' };
    const put = async (text: string) => {
      const etag = (await store.put(object, text))?.etag ?? '';
      return { ...object, etag, versionId: (await store.head(object))?.versionId };
    };
    const first = await put('1');
    const second = await put('2');
    expect(await lookAtVersion(first, store, {})).toMatchObject({ lastModified: 2000, isCurrent: false });
    expect(await lookAtVersion(second, store, {})).toMatchObject({ lastModified: 3000, isCurrent: true });
    await store.delete({ ...object, ...(first.versionId === undefined ? {} : { versionId: first.versionId }) });
    expect((await lookAtVersion(first, store, {})).lastModified).toBeUndefined();
  });
});
