import { describe, expect, test } from 'vitest';
import { FabricError } from '../../lib/errors.ts';
import { LOAD_FAILURE_MEMORY_MILLIS, MAX_BYPASSES, ResidentModels } from '../../lib/hosts/resident-models.ts';
import { FakeModels } from './fake-models.ts';

/** Whether a promise has settled yet. */
async function isSettled(world: FakeModels, promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => void (settled = true);
  promise.then(settle, settle);
  await world.quiet();
  return settled;
}

/** Has a model loaded and gives it back at once. */
async function use(world: FakeModels, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await world.acquire(name);
    world.release(name);
    await world.quiet();
  }
}

/** Models a, b, … of these sizes. */
function worldOf(sizes: readonly (number | undefined)[], maxBytes: number): FakeModels {
  const world = new FakeModels(sizes.length, { maxBytes });
  world.models.forEach((model, index) => (model.bytes = sizes[index]));
  return world;
}

describe('ResidentModels', () => {
  test('loads a model once for all who ask for it', async () => {
    const world = new FakeModels(2);
    const all = await Promise.all([world.acquire('a'), world.acquire('a'), world.acquire('a')]);
    expect(all).toEqual(['a', 'a', 'a']);
    expect(await world.acquire('a')).toBe('a');
    expect(world.logged()).toEqual(['open a']);
  });

  test('lets the least recently used one leave, which is gone before the next one is opened', async () => {
    const world = new FakeModels(4, { maxModels: 2 });
    await use(world, 'a', 'b', 'a');
    world.logged();
    world.model('b').isHeld = true;
    const asked = world.acquire('c');
    await world.quiet();
    expect(world.logged()).toEqual(['evict b for models', 'close b']);
    world.model('b').settle();
    expect(await asked).toBe('c');
    expect(world.logged()).toEqual(['closed b', 'open c']);
    expect(world.there).toBe('ac');
  });

  test('never lets one leave that is leased, by however many', async () => {
    const world = new FakeModels(2, { maxModels: 1 });
    await Promise.all([world.acquire('a'), world.acquire('a')]);
    const asked = world.acquire('b');
    world.release('a');
    expect(await isSettled(world, asked)).toBe(false);
    expect(world.there).toBe('a');
    world.release('a');
    expect(await asked).toBe('b');
    expect(world.complaints).toEqual([]);
  });

  test('gives one that is in memory rather than load one', async () => {
    const world = new FakeModels(3);
    await use(world, 'b');
    expect(await world.acquire('abc')).toBe('b');
    expect(world.there).toBe('b');
  });

  test('gives the one that would be the next to leave', async () => {
    const world = new FakeModels(3);
    await use(world, 'a', 'b', 'c', 'a');
    const given = [await world.acquire('abc'), await world.acquire('abc'), await world.acquire('abc')];
    expect(given).toEqual(['b', 'c', 'a']);
    world.release('b');
    expect(await world.acquire('abc')).toBe('c');
  });

  test('loads first what most of those who wait want, then what the oldest of them wants first', async () => {
    const world = new FakeModels(5, { maxModels: 1 });
    await world.acquire('a');
    const asked = ['bc', 'dc', 'ed', 'd'].map((names) => world.acquire(names));
    world.release('a');
    expect(await Promise.all(asked.slice(1))).toEqual(['d', 'd', 'd']);
    expect(world.there).toBe('d');
    for (let lease = 0; lease < 3; lease += 1) world.release('d');
    expect(await asked[0]).toBe('b');
  });

  test('loads models for as many of those who wait as there is room for', async () => {
    const world = new FakeModels(6, { maxModels: 3 });
    await use(world, 'f');
    for (const model of world.models) model.isHeld = true;
    const asked = [world.acquire('abcd'), world.acquire('abcd')];
    await world.quiet();
    expect(world.logged().slice(1)).toEqual(['open a', 'open b']);
    asked.push(world.acquire('abcd'));
    await world.quiet();
    expect(world.logged()).toEqual(['evict f for models', 'close f']);
    for (const model of world.models) model.settle();
    await Promise.all(asked);
    expect(world.log).toEqual(['closed f', 'open c']);
  });

  test('makes room for one while others are leased, and loads it meanwhile', async () => {
    const world = new FakeModels(3, { maxModels: 2 });
    await use(world, 'b');
    await world.acquire('a');
    expect(await world.acquire('c')).toBe('c');
    expect(world.there).toBe('ac');
  });

  test('lets a request be bypassed only so often; then others wait until its model is being loaded', async () => {
    const world = new FakeModels(2, { maxModels: 1 });
    await world.acquire('a');
    const bypassed = world.acquire('b');
    for (let bypass = 0; bypass < MAX_BYPASSES; bypass += 1) {
      expect(await world.acquire('a')).toBe('a');
      world.release('a');
    }
    const held = world.acquire('a');
    expect(await isSettled(world, held)).toBe(false);
    world.release('a');
    expect(await bypassed).toBe('b');
    world.release('b');
    expect(await held).toBe('a');
    expect(world.complaints).toEqual([]);
  });

  test('gives to others again as soon as the model of the one that was bypassed is on its way', async () => {
    const world = new FakeModels(3, { maxModels: 2 });
    await Promise.all([world.acquire('a'), world.acquire('b')]);
    const bypassed = world.acquire('c');
    for (let bypass = 0; bypass < MAX_BYPASSES; bypass += 1) await world.acquire('a');
    const held = world.acquire('a');
    expect(await isSettled(world, held)).toBe(false);
    world.model('c').isHeld = true;
    world.release('b');
    expect(await held).toBe('a');
    expect(world.model('c').state).toBe('opening');
    world.model('c').settle();
    expect(await bypassed).toBe('c');
  });

  test('holds others back no longer when the one that was bypassed gives up', async () => {
    const world = new FakeModels(2, { maxModels: 1 });
    await world.acquire('a');
    const controller = new AbortController();
    const bypassed = world.acquire('b', controller.signal);
    for (let bypass = 0; bypass < MAX_BYPASSES; bypass += 1) await world.acquire('a');
    const held = world.acquire('a');
    expect(await isSettled(world, held)).toBe(false);
    controller.abort(new Error('given up'));
    await expect(bypassed).rejects.toThrow('given up');
    expect(await held).toBe('a');
  });

  test('loads nothing for a request that is given up', async () => {
    const world = new FakeModels(2, { maxModels: 1 });
    await world.acquire('a');
    const controller = new AbortController();
    const asked = world.acquire('b', controller.signal);
    controller.abort(new Error('given up'));
    await expect(asked).rejects.toThrow('given up');
    await expect(world.acquire('b', controller.signal)).rejects.toThrow('given up');
    world.release('a');
    await world.quiet();
    expect(world.logged()).toEqual(['open a']);
  });

  test('refuses what names no model, and a lease that is not there', async () => {
    const world = new FakeModels(2);
    await expect(world.resident.acquire([])).rejects.toThrow(RangeError);
    await expect(world.resident.acquire([2])).rejects.toThrow(RangeError);
    await use(world, 'a');
    expect(() => world.resident.release(0)).toThrow('Cannot release model 0 as it is not leased');
    expect(() => new ResidentModels({ models: [], maxModels: 0 })).toThrow(RangeError);
    expect(() => new ResidentModels({ models: [], maxBytes: Number.NaN })).toThrow(RangeError);
  });

  test('tells of loads with what they took, and of what had to leave for which bound', async () => {
    const world = new FakeModels(2, { maxModels: 1 });
    world.model('a').bytes = 70;
    world.model('b').bytes = undefined;
    world.model('a').isHeld = true;
    const asked = world.acquire('a');
    world.now += 250;
    world.model('a').settle();
    await asked;
    world.model('a').isHeld = false;
    world.release('a');
    await use(world, 'b', 'a');
    const a = { label: 'a', loadMillis: 1, modelBytes: 0 };
    expect(world.loaded).toEqual([
      { model: 0, info: a, millis: 250, privateBytes: 70 },
      { model: 1, info: { ...a, label: 'b' }, millis: 0 },
      { model: 0, info: a, millis: 0, privateBytes: 70, evictedBy: 'models' },
    ]);
    expect(world.log.filter((line) => line.startsWith('evict'))).toEqual(['evict a for models', 'evict b for models']);
  });
});

describe('A model that can not be loaded', () => {
  test('is the answer to all who asked for it, who may ask for the others', async () => {
    const world = new FakeModels(2, { maxModels: 1 });
    world.model('a').failure = new Error('corrupt');
    const answers = await Promise.all([world.acquire('ab'), world.acquire('a')]);
    expect(answers).toEqual(['a failed: corrupt', 'a failed: corrupt']);
    expect(await world.acquire('b')).toBe('b');
    expect(world.complaints).toEqual([]);
  });

  test('is not tried again for a minute, then it is', async () => {
    const world = new FakeModels(1);
    world.model('a').failure = new Error('corrupt');
    await world.acquire('a');
    world.model('a').failure = undefined;
    world.now += LOAD_FAILURE_MEMORY_MILLIS - 1;
    expect(await world.acquire('a')).toBe('a failed: corrupt');
    expect(world.model('a').loads).toBe(1);
    world.now += 1;
    expect(await world.acquire('a')).toBe('a');
  });

  test('is tried again at once where the failure may pass', async () => {
    const world = new FakeModels(1);
    world.model('a').failure = new FabricError('BUSY', 'busy', { disposition: 'retry' });
    expect(await world.acquire('a')).toBe('a failed: busy');
    world.model('a').failure = undefined;
    expect(await world.acquire('a')).toBe('a');
    expect(world.complaints).toEqual([]);
  });

  test('takes room until its processes are gone', async () => {
    const world = new FakeModels(2, { maxModels: 1 });
    const a = world.model('a');
    a.failure = new Error('corrupt');
    a.isHeld = true;
    const answers = [world.acquire('a'), world.acquire('b')];
    a.settle();
    expect(await answers[0]).toBe('a failed: corrupt');
    await world.quiet();
    expect(world.logged()).toEqual(['open a', 'close a']);
    a.settle();
    expect(await answers[1]).toBe('b');
  });

  test('is like one that serves no more, which leaves when its leases have ended', async () => {
    const world = new FakeModels(2);
    await Promise.all([world.acquire('a'), world.acquire('b')]);
    world.resident.discard(0, new Error('its host dies'));
    expect(await world.acquire('ab')).toBe('a failed: its host dies');
    expect(world.there).toBe('ab');
    world.release('a');
    await world.quiet();
    expect(world.there).toBe('b');
    world.now += LOAD_FAILURE_MEMORY_MILLIS;
    expect(await world.acquire('a')).toBe('a');
    expect(world.loaded.at(-1)).not.toHaveProperty('evictedBy');
    expect(world.complaints).toEqual([]);
  });
});

describe('A model that is out of date', () => {
  test('is given to nobody new, leaves when its leases have ended, and is loaded anew for who asks', async () => {
    const world = new FakeModels(2, { maxModels: 1 });
    await Promise.all([world.acquire('a'), world.acquire('a')]);
    world.renew('a');
    const asked = world.acquire('a');
    world.release('a');
    expect(await isSettled(world, asked)).toBe(false);
    world.release('a');
    expect(await asked).toBe('a');
    expect(world.logged()).toEqual(['open a', 'close a', 'closed a', 'open a']);
    expect(world.loaded.at(-1)).not.toHaveProperty('evictedBy');
    expect(world.complaints).toEqual([]);
  });

  test('leaves at once where nobody uses it, also when it is told as it is loaded, and stays away', async () => {
    const world = new FakeModels(2);
    await use(world, 'a');
    world.renew('a');
    world.renew('b');
    await world.quiet();
    expect(world.there).toBe('');
    world.model('b').isHeld = true;
    const asked = world.acquire('b');
    await world.quiet();
    world.renew('b');
    for (let step = 0; step < 3; step += 1) {
      world.model('b').settle();
      await world.quiet();
    }
    expect(await asked).toBe('b');
    expect(world.logged().slice(3)).toEqual(['open b', 'close b', 'closed b', 'open b']);
    expect(world.complaints).toEqual([]);
  });
});

describe('ResidentModels with a bound of bytes', () => {
  test('makes room first for a model whose size it knows', async () => {
    const world = worldOf([60, 30, 20, 20], 100);
    await use(world, 'b', 'c', 'd', 'a');
    expect(world.there).toBe('acd');
    world.logged();
    await use(world, 'b');
    expect(world.logged().slice(0, 4)).toEqual(['evict c for bytes', 'close c', 'evict d for bytes', 'close d']);
    expect(world.there).toBe('ab');
    expect(world.loaded.at(-1)?.evictedBy).toBe('bytes');
  });

  test('waits for leases to end where they stand in the way, and lets nothing leave in vain', async () => {
    const world = worldOf([80, 50, 20], 100);
    await use(world, 'a', 'c', 'b');
    await world.acquire('b');
    const asked = world.acquire('a');
    expect(await isSettled(world, asked)).toBe(false);
    expect(world.there).toBe('bc');
    world.release('b');
    expect(await asked).toBe('a');
  });

  test('gives the room that it makes to no other model', async () => {
    const world = worldOf([50, 50, 90, 40], 100);
    await use(world, 'd', 'c', 'a', 'b', 'a', 'b');
    world.logged();
    for (const name of 'ab') world.model(name).isHeld = true;
    const asked = [world.acquire('c'), world.acquire('d'), world.acquire('d')];
    await world.quiet();
    world.model('a').settle();
    await world.quiet();
    expect(world.logged()).toEqual(['evict a for bytes', 'close a', 'evict b for bytes', 'close b', 'closed a']);
    world.model('b').settle();
    expect(await asked[0]).toBe('c');
    world.release('c');
    expect(await asked[1]).toBe('d');
  });

  test('lets those leave first that nobody waits for', async () => {
    const world = worldOf([50, 10, 70, 40], 100);
    await use(world, 'c', 'b', 'a');
    await Promise.all([world.acquire('a'), world.acquire('b')]);
    const bypassed = world.acquire('c');
    for (let bypass = 0; bypass < MAX_BYPASSES; bypass += 1) await world.acquire('b');
    const held = world.acquire('b');
    for (let lease = 0; lease <= MAX_BYPASSES; lease += 1) world.release('b');
    expect(await isSettled(world, bypassed)).toBe(false);
    world.logged();
    world.release('a');
    expect(await bypassed).toBe('c');
    expect(await held).toBe('b');
    expect(world.logged()).toEqual(['evict a for bytes', 'close a', 'closed a', 'open c']);
  });

  test('has one that is larger than the bound in memory alone', async () => {
    const world = worldOf([500, 10, 10], 100);
    await use(world, 'b', 'c', 'a');
    expect(world.there).toBe('a');
    await use(world, 'b', 'c');
    expect(world.there).toBe('bc');
    await use(world, 'a');
    expect(world.there).toBe('a');
    await world.acquire('a');
    const asked = world.acquire('b');
    expect(await isSettled(world, asked)).toBe(false);
    world.release('a');
    expect(await asked).toBe('b');
    expect(world.there).toBe('b');
  });

  test('counts a model of unknown size as the largest that it knows', async () => {
    const world = worldOf([60, 30, 10], 100);
    await use(world, 'a');
    await world.acquire('a');
    const asked = world.acquire('b');
    expect(await isSettled(world, asked)).toBe(false);
    world.release('a');
    expect(await asked).toBe('b');
    expect(await world.acquire('c')).toBe('c');
    expect(world.there).toBe('bc');
  });

  test('loads one at a time as long as it knows no size', async () => {
    const world = worldOf([90, 90], 100);
    const asked = [world.acquire('a'), world.acquire('b')];
    expect(await asked[0]).toBe('a');
    await world.quiet();
    expect(world.there).toBe('a');
    world.release('a');
    expect(await asked[1]).toBe('b');
    expect(world.there).toBe('b');
  });

  test('has models whose sizes nobody can tell together', async () => {
    const world = worldOf([undefined, undefined], 100);
    expect(await Promise.all([world.acquire('a'), world.acquire('b')])).toEqual(['a', 'b']);
  });

  test('lets one that turns out too large beside those in use leave again, and wait for them', async () => {
    const world = worldOf([40, 80], 100);
    await world.acquire('a');
    const asked = world.acquire('b');
    expect(await isSettled(world, asked)).toBe(false);
    expect(world.logged()).toEqual(['open a', 'open b', 'evict b for bytes', 'close b', 'closed b']);
    world.release('a');
    expect(await asked).toBe('b');
    expect(world.there).toBe('b');
  });

  test('lets the least recently used leave when models have grown, once nobody uses them', async () => {
    const world = worldOf([30, 30, 30], 100);
    await use(world, 'a', 'b');
    await world.acquire('c');
    world.model('c').bytes = 60;
    await world.quiet();
    expect(world.there).toBe('abc');
    world.release('c');
    await world.quiet();
    expect(world.there).toBe('bc');
    world.model('c').bytes = 200;
    await use(world, 'c');
    expect(world.there).toBe('c');
  });

  test('expects of a model that it grows as it did before', async () => {
    const world = worldOf([30, 60, 10], 100);
    await world.acquire('a');
    world.model('a').bytes = 70;
    world.release('a');
    await world.quiet();
    await use(world, 'b');
    expect(world.there).toBe('b');
    world.model('a').bytes = 30;
    await use(world, 'a');
    expect(world.there).toBe('a');
    await use(world, 'c', 'b');
    expect(world.there).toBe('bc');
  });
});

describe('ResidentModels that are disposed', () => {
  test('turn away those who wait and those who come, and close all there is, also what is leased', async () => {
    const world = new FakeModels(3, { maxModels: 2 });
    await Promise.all([world.acquire('a'), world.acquire('b')]);
    const waiting = world.acquire('c');
    world.disposing = true;
    const disposed = world.resident[Symbol.asyncDispose]();
    await expect(waiting).rejects.toThrow('the models were closed');
    await disposed;
    expect(world.there).toBe('');
    await expect(world.acquire('a')).rejects.toThrow('the models were closed');
    world.release('a');
    expect(world.complaints).toEqual([]);
  });

  test('end loads that are under way, and wait for closes that are', async () => {
    const world = new FakeModels(3, { maxModels: 2 });
    await use(world, 'a', 'b');
    world.model('a').isHeld = true;
    world.model('c').isHeld = true;
    void world.acquire('c').catch(() => {});
    await world.quiet();
    world.disposing = true;
    const disposed = world.resident[Symbol.asyncDispose]();
    expect(await isSettled(world, disposed)).toBe(false);
    world.model('a').settle();
    await disposed;
    expect(world.there).toBe('');
    expect(world.model('c').loads).toBe(0);
    expect(world.complaints).toEqual([]);
  });
});
