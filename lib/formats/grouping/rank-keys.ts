/** UTF-16 units of a key that are compared: each run that is merged holds one key. */
const SORTED_CHARACTERS = 256;

/** Returns the text by which an element is sorted: its key, or the start of a very long key. */
export function sortedKey(key: string | undefined): string | undefined {
  if (key === undefined || key.length <= SORTED_CHARACTERS) return key;
  // A copy: a slice would hold the whole key.
  return Buffer.from(key.slice(0, SORTED_CHARACTERS), 'utf16le').toString('utf16le');
}

/** Returns the rank of a key. Elements of lower ranks come first, and in one rank those of lower keys. */
export type RankOf = (key: string | undefined) => number;

/**
 * Ranks keys in the order of grouping: cohort by cohort, then the keys without a cohort, then elements without a key.
 *
 * @param cohorts - keys that belong together because they share a model.
 * @returns the function that ranks a sorted key.
 */
export function rankKeys(cohorts: readonly (readonly string[])[]): RankOf {
  const ranks = new Map<string | undefined, number>();
  cohorts.forEach((keys, rank) => keys.forEach((key) => ranks.set(sortedKey(key), rank)));
  const unknown = cohorts.length;
  return (key) => (key === undefined ? unknown + 1 : (ranks.get(key) ?? unknown));
}
