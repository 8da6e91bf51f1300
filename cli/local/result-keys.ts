import { isResultPath, jobKey, manifestKey, type ResultsFolder, successKey } from '../../lib/jobs/output-layout.ts';
import { FOLDER_NAMES, isErrorsFolder } from '../../lib/jobs/part-names.ts';

/** Returns the results of a job of this session, by the object key of its folder. */
export function resultsIn(folder: string): ResultsFolder {
  return { folder, names: FOLDER_NAMES };
}

/**
 * Returns the folder of the job that an object of the output bucket belongs to, `<pipeline>/<anything>`. For a single
 * object, such as an answer, returns its key.
 *
 * @param isJob - returns whether a folder is known to be a job's: a job may have the name of a folder of failures.
 */
export function groupOfKey(key: string, isJob: (folder: string) => boolean): string {
  const cut = key.lastIndexOf('/');
  const parent = key.slice(0, cut);
  const outer = parent.slice(0, Math.max(parent.lastIndexOf('/'), 0));
  const isError = isErrorsFolder(parent) && isResultPath(key.slice(outer.length + 1), FOLDER_NAMES) && !isJob(parent);
  if (isError && canBeJob(outer)) return outer;
  if (!isResultPath(key.slice(cut + 1), FOLDER_NAMES)) return key;
  return canBeJob(parent) ? parent : key;
}

/** Returns true if a key has a pipeline and at least one segment after it. */
function canBeJob(key: string): boolean {
  return key.includes('/');
}

/** Returns the keys that report the end of a job, in the order in which they are removed. */
export function endKeys(folder: string): readonly string[] {
  return [successKey(folder), manifestKey(resultsIn(folder))];
}

/** Sorts keys of a job's results into the order in which they are written: plan, parts and errors, manifest, `_SUCCESS`. */
export function inWriteOrder(folder: string, keys: Iterable<string>): readonly string[] {
  const [success = '', manifest = ''] = endKeys(folder);
  const last = [manifest, success];
  const rank = (key: string): number => (key === jobKey(resultsIn(folder)) ? -1 : last.indexOf(key) + 1);
  return [...keys].toSorted((one, other) => rank(one) - rank(other));
}

/** Returns true if a result has to wait because another one, which is written before it, is still pending. */
export function hasToWait(folder: string, key: string, pending: Pick<Map<string, unknown>, 'has' | 'size'>): boolean {
  if (key === jobKey(resultsIn(folder))) return false;
  const [success = '', manifest = ''] = endKeys(folder);
  if (key === success) return pending.size > 1;
  if (key === manifest) return pending.size > (pending.has(success) ? 2 : 1);
  return pending.has(jobKey(resultsIn(folder)));
}
