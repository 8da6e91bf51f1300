import { describe, expect, test } from 'vitest';
import { MAX_BYPASSES } from '../../lib/hosts/resident-models.ts';
import { isSettled, use, worldOf } from './fake-models.ts';

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
