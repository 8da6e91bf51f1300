import type { ManifestScope } from '../config/pipeline.ts';

/** Returns the start of the keys that manifests of a pipeline can name; undefined if they can name any key. */
export function manifestPrefix(pipeline: string, scope: ManifestScope = 'own-prefix'): string | undefined {
  return scope === 'any' ? undefined : `${pipeline}/`;
}

/** Returns whether a key starts with a prefix; without a prefix any key does. */
export function isWithin(key: string, prefix: string | undefined): boolean {
  return prefix === undefined || key.startsWith(prefix);
}
