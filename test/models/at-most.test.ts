import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { atMost } from '../../lib/models/at-most.ts';

describe('atMost', () => {
  test('starts work in order, and never more than its number at once', async () => {
    const admit = atMost(3);
    const started: number[] = [];
    let inFlight = 0;
    let most = 0;
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        admit(async () => {
          started.push(index);
          inFlight += 1;
          most = Math.max(most, inFlight);
          for (let turn = 0; turn <= (index * 7) % 5; turn += 1) await setImmediate();
          inFlight -= 1;
          return index;
        }),
      ),
    );
    expect(most).toBe(3);
    expect(started).toEqual([...Array(20).keys()]);
    expect(results).toEqual(started);
  });

  test('goes on after work that fails, and passes its error on', async () => {
    const admit = atMost(1);
    const failing = Array.from({ length: 5 }, async () =>
      admit(async () => {
        throw new Error('no');
      }),
    );
    const after = admit(async () => 'done');
    expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    expect(await after).toBe('done');
    expect(await admit(async () => 'again')).toBe('again');
  });
});
