/**
 * The bucket that an element of this length belongs to: bucket i holds the lengths from `boundaries[i - 1]` up to, but
 * without, `boundaries[i]`; the first starts at 0, the last has no end. So there is one bucket more than boundaries,
 * and with none there is bucket 0. A boundary itself opens its bucket: Python's `bisect_right`, as in Beam's
 * `BatchElements`.
 *
 * @param length 0 or more, as `batchLengthFn` measured it
 * @param boundaries ascending
 * @throws {RangeError} when the length is negative or NaN, which only a wrong `batchLengthFn` makes
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
