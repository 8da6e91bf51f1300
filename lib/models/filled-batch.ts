/** Returns the batch with exactly `size` elements: the last element fills a short one. */
export function filled<T>(batch: readonly T[], size: number): readonly T[] {
  const last = batch.at(-1);
  if (batch.length >= size || last === undefined) return batch;
  return [...batch, ...Array.from({ length: size - batch.length }, () => last)];
}
