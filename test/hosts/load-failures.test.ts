import { describe, expect, test } from 'vitest';
import { FabricError } from '../../lib/errors.ts';
import { LOAD_FAILURE_MEMORY_MILLIS } from '../../lib/hosts/resident-models.ts';
import { FakeModels } from './fake-models.ts';

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
