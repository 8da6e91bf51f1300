/**
 * Returns the bucket of an element of this length: bucket i holds the lengths from `boundaries[i - 1]` to below
 * `boundaries[i]`; the first starts at 0, the last has no end. So there is one bucket more than boundaries, and without
 * boundaries there is bucket 0. A boundary is the first length of its bucket: Python's `bisect_right`, as in Beam's
 * `BatchElements`.
 *
 * @param length 0 or more, measured by `batchLengthFn`
 * @param boundaries ascending
 * @throws {RangeError} if the length is negative or NaN, which only a wrong `batchLengthFn` returns
 */
export function bucketOf(length: number, boundaries: readonly number[]): number {
  if (!(length >= 0)) {
    throw new RangeError(`Cannot choose a bucket as 'length' must be 0 or more: current value is ${length}`);
  }
  let low = 0;
  let high = boundaries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    // Every index below `boundaries.length` is there.
    if (length < (boundaries[middle] ?? Infinity)) high = middle;
    else low = middle + 1;
  }
  return low;
}
