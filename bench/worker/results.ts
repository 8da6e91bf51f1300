import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { getText, type ObjectStore } from '../../lib/stores/object-store.ts';

/** A digest of all lines of a job's parts but for their ids, which say where the elements were read. */
export function digestOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const line of parts.join('').split('\n').filter(Boolean)) {
    // The fabric's own line.
    const { id: _, ...rest } = JSON.parse(line) as { readonly id: string };
    hash.update(JSON.stringify(rest));
  }
  return hash.digest('hex');
}

export async function localParts(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('part-')).sort();
  return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
}

export async function storedParts(store: ObjectStore, bucket: string, folder: string): Promise<readonly string[]> {
  const listed = await Array.fromAsync(store.list(bucket, `${folder}/part-`));
  return Promise.all(listed.map(async ({ key }) => (await getText(store, { bucket, key }))?.text ?? ''));
}
