/** Maximum size of models that are deployed with all pipelines: larger ones slow down deployments and cold starts. */
const MAX_SHARED_BYTES = 64 * 1024 * 1024;

/**
 * Returns the models that are deployed with the code of each pipeline. If all models together are small, each pipeline gets all
 * of them, so that the pipelines share one asset; otherwise each pipeline gets its own models.
 *
 * @param own - models of each pipeline
 * @param sizeOf - returns the size of a model in bytes
 */
export function sharedFiles(
  own: readonly (readonly string[])[],
  sizeOf: (path: string) => number,
): readonly (readonly string[])[] {
  const all = [...new Set(own.flat())].toSorted();
  const bytes = all.reduce((sum, path) => sum + sizeOf(path), 0);
  return bytes <= MAX_SHARED_BYTES ? own.map(() => all) : own;
}
