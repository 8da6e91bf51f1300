import { EARLIER_NAMES, FOLDER_NAMES } from '../../lib/jobs/part-names.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';

/** Returns the path that a result had in the folder of an earlier version. */
export function earlierPath(path: string): string {
  return path
    .replace(new RegExp(`^${FOLDER_NAMES.errors}/errors-`), `${EARLIER_NAMES.errors}/part-`)
    .replace(/^_(job|manifest)\.json$/, '$1.json');
}

/** Gives the objects in a job's folder the names of earlier versions. */
export async function renameToEarlier(store: ObjectStore, bucket: string, folder: string): Promise<void> {
  for (const { key } of await Array.fromAsync(store.list(bucket, `${folder}/`))) {
    const earlier = `${folder}/${earlierPath(key.slice(folder.length + 1))}`;
    if (earlier === key) continue;
    await store.copy({ bucket, key }, { bucket, key: earlier });
    await store.delete({ bucket, key });
  }
}
