import { describe, expect, test } from 'vitest';
import { ResidentModels } from '../../lib/hosts/resident-models.ts';
import { FakeModels, isSettled, use } from './fake-models.ts';

/** Two tasks of a bundle that ask for its models, while another bundle's task waits for another one. */
async function twoTasks() {
  const world = new FakeModels(4, { maxModels: 2 });
  for (const model of world.models) model.isHeld = true;
  const ask = () => world.acquire('abc', { group: 'bundle' });
  const tasks = [ask(), ask()] as const;
  await world.quiet();
  expect(world.logged()).toEqual(['open a', 'open b']);
  return { world, tasks, other: world.acquire('d') };
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

  describe('for requests of one group', () => {
    test('keeps what was loaded for one from leaving unused as another was given the first that was there', async () => {
      const { world, tasks, other } = await twoTasks();
      world.model('a').settle();
      expect(await tasks[0]).toBe('a');
      expect(await isSettled(world, tasks[1])).toBe(false);
      world.model('b').settle();
      expect(await tasks[1]).toBe('b');
      world.release('a');
      for (let step = 0; step < 3; step += 1) {
        world.model('a').settle();
        world.model('d').settle();
        await world.quiet();
      }
      expect(await other).toBe('d');
      expect(world.models.map(({ loads }) => loads)).toEqual([1, 1, 0, 1]);
      expect(world.complaints).toEqual([]);
    });

    test('says of a model that could not be loaded to one alone', async () => {
      const { world, tasks } = await twoTasks();
      world.model('a').failure = new Error('corrupt');
      world.model('a').settle();
      world.model('b').settle();
      expect(await Promise.all(tasks)).toEqual(['a failed: corrupt', 'b']);
    });

    test('gives the last one to both, as nothing else is left for either', async () => {
      const world = new FakeModels(2);
      const ask = () => world.acquire('a', { group: 'bundle' });
      expect(await Promise.all([ask(), ask()])).toEqual(['a', 'a']);
    });

    test('shares a model with other groups', async () => {
      const { world, tasks } = await twoTasks();
      const third = world.acquire('ab', { group: 'another' });
      world.model('a').settle();
      expect(await Promise.all([tasks[0], third])).toEqual(['a', 'a']);
    });
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
