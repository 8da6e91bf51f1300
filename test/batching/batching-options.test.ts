import { describe, expect, test } from 'vitest';
import type { BatchingOptions } from '../../lib/batching/batching-options.ts';
import { resolveBatching } from '../../lib/batching/batching-options.ts';

describe('resolveBatching', () => {
  test('has the documented defaults', () => {
    expect(resolveBatching()).toEqual({
      minBatchSize: 1,
      maxBatchSize: 1024,
      maxBatchBytes: 67_108_864,
      maxBatchDurationSecs: undefined,
      maxBatchWeight: Infinity,
      elementSizeFn: undefined,
      oversizeElements: 'alone',
      batchLengthFn: undefined,
      batchBucketBoundaries: [],
      targetBatchOverhead: 0.05,
      targetBatchDurationSecs: 1,
    });
  });

  test('keeps what is given', () => {
    const options: BatchingOptions<string> = {
      minBatchSize: 8,
      maxBatchSize: 8,
      maxBatchBytes: 1,
      maxBatchDurationSecs: 0.005,
      maxBatchWeight: 0.5,
      elementSizeFn: (text) => text.length,
      oversizeElements: 'fail',
      batchLengthFn: (text) => text.length,
      batchBucketBoundaries: [0.5, 2],
      targetBatchOverhead: 1,
      targetBatchDurationSecs: 60,
    };
    expect(resolveBatching(options)).toEqual(options);
  });

  test("gives a length function Beam's buckets", () => {
    const { batchBucketBoundaries } = resolveBatching({ batchLengthFn: () => 1 });
    expect(batchBucketBoundaries).toEqual([16, 32, 64, 128, 256, 512]);
  });

  test('takes boundaries without a length function from a handler that measures, and a weight limit from any', () => {
    expect(resolveBatching({ batchBucketBoundaries: [10] }, { measuresLength: true }).batchLengthFn).toBeUndefined();
    expect(resolveBatching({ maxBatchWeight: 10 }).elementSizeFn).toBeUndefined();
  });

  test('is frozen, and no longer depends on the list that it was given', () => {
    const boundaries = [1, 2];
    const policy = resolveBatching({ batchBucketBoundaries: boundaries, batchLengthFn: () => 1 });
    boundaries.push(3);
    expect(policy.batchBucketBoundaries).toEqual([1, 2]);
    expect(Object.isFrozen(policy)).toBe(true);
    expect(Object.isFrozen(policy.batchBucketBoundaries)).toBe(true);
  });

  test.each<[BatchingOptions, string]>([
    [{ minBatchSize: 0 }, "'minBatchSize' must be a positive integer: current value is 0"],
    [{ maxBatchSize: 1.5 }, "'maxBatchSize' must be a positive integer: current value is 1.5"],
    [{ maxBatchSize: NaN }, "'maxBatchSize' must be a positive integer: current value is NaN"],
    [{ minBatchSize: 9, maxBatchSize: 8 }, "'minBatchSize' must be at most 'maxBatchSize' (8): current value is 9"],
    [{ minBatchSize: 2000 }, "'minBatchSize' must be at most 'maxBatchSize' (1024): current value is 2000"],
    [{ maxBatchBytes: -1 }, "'maxBatchBytes' must be a positive integer: current value is -1"],
    [{ maxBatchDurationSecs: 0 }, "'maxBatchDurationSecs' must be above 0 and at most 2147483: current value is 0"],
    [{ maxBatchDurationSecs: 1e9 }, "'maxBatchDurationSecs' must be above 0 and at most 2147483"],
    [{ maxBatchWeight: 0 }, "'maxBatchWeight' must be a positive number: current value is 0"],
    [{ maxBatchWeight: Infinity }, "'maxBatchWeight' must be a positive number: current value is Infinity"],
    [{ elementSizeFn: () => 1 }, "'elementSizeFn' must be left out where 'maxBatchWeight' is not set"],
    [{ oversizeElements: 'fail' }, "'oversizeElements' must be 'alone' where 'maxBatchWeight' is not set"],
    [{ batchBucketBoundaries: [] }, "'batchBucketBoundaries' must be a list of ascending positive numbers"],
    [{ batchBucketBoundaries: [0, 1] }, 'current value is [0, 1]'],
    [{ batchBucketBoundaries: [2, 2] }, 'current value is [2, 2]'],
    [{ batchBucketBoundaries: [1, NaN] }, 'current value is [1, NaN]'],
    [{ batchBucketBoundaries: [5] }, "'batchBucketBoundaries' must be left out where nothing measures the length"],
    [{ targetBatchOverhead: 0 }, "'targetBatchOverhead' must be above 0 and at most 1: current value is 0"],
    [{ targetBatchOverhead: 1.1 }, "'targetBatchOverhead' must be above 0 and at most 1: current value is 1.1"],
    [{ targetBatchDurationSecs: 0 }, "'targetBatchDurationSecs' must be a positive number: current value is 0"],
  ])('refuses %o', (options, message) => {
    expect(() => resolveBatching(options)).toThrow(RangeError);
    expect(() => resolveBatching(options)).toThrow('Cannot batch as ');
    expect(() => resolveBatching(options)).toThrow(message);
  });

  test.each([
    ['{"maxBatchSize":"8"}', "Cannot batch as 'maxBatchSize' must be a number: current value is 8"],
    ['{"maxBatchDurationSecs":null}', "Cannot batch as 'maxBatchDurationSecs' must be a number: current value is null"],
    ['{"elementSizeFn":"tokens"}', "Cannot batch as 'elementSizeFn' must be a function: current value is tokens"],
    ['{"batchBucketBoundaries":16}', "Cannot batch as 'batchBucketBoundaries' must be a list: current value is 16"],
  ])('refuses %s, which is not of its type', (json, message) => {
    const options: BatchingOptions = JSON.parse(json);
    expect(() => resolveBatching(options)).toThrow(new TypeError(message));
  });

  test('refuses an oversize policy that there is not', () => {
    const options: BatchingOptions = JSON.parse('{"maxBatchWeight":1,"oversizeElements":"drop"}');
    expect(() => resolveBatching(options)).toThrow(
      "'oversizeElements' must be 'alone' or 'fail': current value is drop",
    );
  });
});
