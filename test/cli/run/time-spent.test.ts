import { expect, test } from 'vitest';
import { bottleneckOf, describeSpent } from '../../../cli/run/time-spent.ts';

test('the bottleneck of a run is its start, the model or the workers, with the share', () => {
  expect(bottleneckOf({ startSecs: 0.6, inferenceSecs: 0.1, workerSecs: 0.1 }, 0.8)).toBe(
    'the start, 75% of the time: more elements cost little',
  );
  expect(bottleneckOf({ startSecs: 1, inferenceSecs: 9, workerSecs: 1 }, 10)).toBe('the model, 90% of the work');
  expect(bottleneckOf({ startSecs: 1, inferenceSecs: 1, workerSecs: 3 }, 10)).toBe(
    'reading, functions and writing, 75% of the work',
  );
  expect(bottleneckOf({ startSecs: 0, inferenceSecs: 0, workerSecs: 0 }, 0)).toBe('none that was measured');
});

test('the time of a run is shown by what took it', () => {
  expect(describeSpent({ startSecs: 0.512, inferenceSecs: 75, workerSecs: 0 })).toBe(
    'start 0.51 s, model 75 s, workers 0 s',
  );
});
