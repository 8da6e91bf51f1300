/** Small models cost nothing where they are not needed; large ones make functions slow to start and to deploy. */
const MAX_SHARED_BYTES = 64 * 1024 * 1024;

/**
 * Which models go with each pipeline's code. While they are small, all of them with each, so that all pipelines share one
 * asset; otherwise each pipeline's own.
 */
export function sharedFiles(
  own: readonly (readonly string[])[],
  sizeOf: (path: string) => number,
): readonly (readonly string[])[] {
  const all = [...new Set(own.flat())].toSorted();
  const bytes = all.reduce((sum, path) => sum + sizeOf(path), 0);
  return bytes <= MAX_SHARED_BYTES ? own.map(() => all) : own;
}
