import { describe, expect, test } from 'vitest';
import { MAX_BYPASSES } from '../../lib/hosts/resident-models.ts';
import { FakeModels, isSettled } from './fake-models.ts';

describe('ResidentModels that are waited for', () => {
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
    const bypassed = world.acquire('b', controller);
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
    const asked = world.acquire('b', controller);
    controller.abort(new Error('given up'));
    await expect(asked).rejects.toThrow('given up');
    await expect(world.acquire('b', controller)).rejects.toThrow('given up');
    world.release('a');
    await world.quiet();
    expect(world.logged()).toEqual(['open a']);
  });
});
