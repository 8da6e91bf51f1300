import { describe, expect, test } from 'vitest';
import { stopTimes } from '../../../lib/jobs/consuming/stop-times.ts';

describe('the times of a stop', () => {
  test('end a worker in less than 20 s and before it is killed, whatever its stop timeout', () => {
    for (let secs = 10; secs <= 120; secs += 1) {
      const { finishMillis, handBackMillis, giveBackMillis, lastMillis } = stopTimes(secs);
      expect(finishMillis + handBackMillis + giveBackMillis).toBeLessThan(lastMillis);
      expect(lastMillis).toBeLessThan(Math.min(20_000, secs * 1000));
    }
  });

  test('leave 8 s to finish and 6 s to hand back, and shares of a short timeout', () => {
    expect(stopTimes(90)).toMatchObject({ finishMillis: 8000, handBackMillis: 6000, lastMillis: 16_500 });
    expect(stopTimes(10)).toMatchObject({ finishMillis: 4000, handBackMillis: 2000, lastMillis: 8500 });
  });
});
