import { describe, expect, test } from 'vitest';
import { type Answer, putAnswer } from '../../../lib/jobs/processing/put-answer.ts';
import { memoryObjectStore } from '../memory-ports.ts';

/** An answer to a version: the higher, the newer. */
function answerTo(version: number): Answer {
  return {
    key: 'p/x.json',
    line: String(version),
    failed: false,
    metadata: { version: String(version) },
    replaces: (there) => version > Number(there['version']),
  };
}

/** Puts an answer while another one to `other` is put just before its last put. */
async function race(version: number, other: number, before?: number) {
  const store = memoryObjectStore();
  const output = { store, bucket: 'out' };
  if (before !== undefined) await putAnswer(answerTo(before), output);
  // Where there is an answer already, the first put finds it.
  let putsLeft = before === undefined ? 1 : 2;
  store.faults.before = async ({ operation }) => {
    if (operation !== 'put') return;
    putsLeft -= 1;
    if (putsLeft === 0) await putAnswer(answerTo(other), output);
  };
  const isPut = await putAnswer(answerTo(version), output);
  return { isPut, line: store.text('out', 'p/x.json')?.trimEnd() };
}

/** An answer to a version that says something of its own. */
function saying(version: number, line: string): Answer {
  return { ...answerTo(version), line };
}

describe('putAnswer', () => {
  test.each([undefined, 0])(
    'leaves a newer answer that comes in between, where before there was %s',
    async (before) => {
      expect(await race(1, 2, before)).toEqual({ isPut: false, line: '2' });
    },
  );

  test.each([undefined, 0])(
    'replaces an older one that comes in between, where before there was %s',
    async (before) => {
      expect(await race(2, 1, before)).toEqual({ isPut: true, line: '2' });
    },
  );

  test('leaves a newer answer that says the same as the one that was read', async () => {
    const store = memoryObjectStore();
    const output = { store, bucket: 'out' };
    await putAnswer(saying(1, 'cat'), output);
    let isFirst = true;
    store.faults.after = async ({ operation }) => {
      if (operation !== 'head' || !isFirst) return;
      isFirst = false;
      await putAnswer(saying(3, 'cat'), output);
    };
    expect(await putAnswer(saying(2, 'dog'), output)).toBe(false);
    expect(store.text('out', 'p/x.json')?.trimEnd()).toBe('cat');
    expect((await store.head({ bucket: 'out', key: 'p/x.json' }))?.metadata).toMatchObject({ version: '3' });
  });

  test('leaves one to the same version', async () => {
    expect(await race(1, 1)).toEqual({ isPut: false, line: '1' });
  });

  test('gives up, to be tried again, where the answer never stands still', async () => {
    const store = memoryObjectStore();
    const output = { store, bucket: 'out' };
    let version = 0;
    await putAnswer(answerTo(version), output);
    store.faults.after = async ({ operation }) => {
      if (operation !== 'head') return;
      version += 1;
      await store.put({ bucket: 'out', key: 'p/x.json' }, `other ${version}`, {
        metadata: { version: String(version) },
      });
    };
    await expect(putAnswer(answerTo(Infinity), output)).rejects.toThrow('others have replaced it 20 times');
  });
});
