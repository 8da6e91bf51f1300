import { describe, expect, test } from 'vitest';
import { resolveBatching } from '../../lib/batching/batching-options.ts';
import { LearnedSizes } from '../../lib/inference/learned-sizes.ts';

const ran = (size: number) => ({ size, millis: 1, isJoined: false, closedBy: 'size', isolating: false }) as const;

describe('LearnedSizes', () => {
  test.each(['memory', 'time'] as const)('has a ceiling for the key whose batch was too large for %s', (limit) => {
    const learned = new LearnedSizes(resolveBatching());
    learned.exceeded('a', 32, limit);
    expect(learned.sizes('a')).not.toHaveProperty('ceiling');
    expect(learned.recovered('a', 32, limit)).toBe(true);
    expect(learned.sizes('a').ceiling).toBe(16);
    expect(learned.sizes('b')).not.toHaveProperty('ceiling');
  });

  test('keeps the lower one of its ceilings, and tries a step more after a hundred batches', () => {
    const learned = new LearnedSizes(resolveBatching());
    learned.recovered('a', 64, 'memory');
    learned.recovered('a', 32, 'time');
    expect(learned.sizes('a').ceiling).toBe(16);
    for (let batch = 0; batch < 100; batch += 1) learned.succeeded('a', ran(16));
    expect(learned.sizes('a').ceiling).toBe(32);
    learned.exceeded('a', 32, 'time');
    expect(learned.sizes('a').ceiling).toBe(16);
  });

  test('has none for a fixed size that takes too long: batches do not depend on time', () => {
    const learned = new LearnedSizes(resolveBatching({ minBatchSize: 32, maxBatchSize: 32 }), 1);
    expect(learned.recovered('a', 32, 'time')).toBe(false);
    expect(learned.sizes('a')).toEqual({ target: 32 });
    expect(learned.recovered('a', 32, 'memory')).toBe(true);
    expect(learned.sizes('a')).toEqual({ target: 32, ceiling: 16 });
  });
});
