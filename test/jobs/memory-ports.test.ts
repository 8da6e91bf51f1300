import { describe, expect, test } from 'vitest';
import { describeObjectStore } from '../stores/object-store-contract.ts';
import { memoryObjectStore, memoryQueue, unavailable } from './memory-ports.ts';

describeObjectStore('a store in memory', {
  open: async () => ({ store: memoryObjectStore(), bucket: 'bucket', async [Symbol.asyncDispose]() {} }),
});

describe('memoryObjectStore', () => {
  test('keeps each version, where it keeps versions', async () => {
    const store = memoryObjectStore({ versioned: true });
    const address = { bucket: 'b', key: 'k' };
    await store.put(address, 'one');
    const { versionId = '' } = (await store.head(address)) ?? {};
    await store.put(address, 'two');
    expect(store.text('b', 'k')).toBe('two');
    await store.delete(address);
    expect(await store.head(address)).toBeUndefined();
    expect(await store.head({ ...address, versionId })).toMatchObject({ byteLength: 3, versionId });
    expect(await store.put(address, 'new', { only: 'absent' })).toBeDefined();
  });

  test('fails as it is told to, before a call or with its answer lost', async () => {
    const store = memoryObjectStore();
    const address = { bucket: 'b', key: 'k' };
    store.faults.before = () => {
      throw unavailable();
    };
    await expect(store.put(address, 'x')).rejects.toMatchObject({ disposition: 'retry' });
    expect(store.keys('b')).toEqual([]);
    store.faults.after = store.faults.before;
    store.faults.before = undefined;
    await expect(store.put(address, 'x')).rejects.toMatchObject({ disposition: 'retry' });
    expect(store.keys('b')).toEqual(['k']);
  });
});

describe('memoryQueue', () => {
  test('hides what was received, gives it again later, and in the end to the dead letters', async () => {
    let now = 0;
    const deadLetters = memoryQueue({ now: () => now });
    const queue = memoryQueue({ now: () => now, visibilitySecs: 30, maxReceives: 2, deadLetters });
    const receive = () => queue.receive({ maxMessages: 10, waitSecs: 0 });
    await queue.send([{ body: 'a' }, { body: 'b', delaySecs: 5 }]);
    const [first] = await receive();
    expect(first).toMatchObject({ body: 'a', receiveCount: 1, sentAtMillis: 0 });
    expect(await receive()).toEqual([]);
    now = 5000;
    const [delayed] = await receive();
    expect(delayed).toMatchObject({ body: 'b' });
    await queue.delete(delayed?.receiptHandle ?? '');
    await queue.changeVisibility(first?.receiptHandle ?? '', 0);
    expect(await receive()).toMatchObject([{ body: 'a', receiveCount: 2, id: first?.id }]);
    now = 60_000;
    expect(await receive()).toEqual([]);
    expect(await deadLetters.receive({ maxMessages: 1, waitSecs: 0 })).toMatchObject([{ body: 'a' }]);
    expect(queue.waiting).toEqual([]);
  });
});
