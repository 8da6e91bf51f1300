/** So many UTF-16 units of a key are looked at: each run that is merged holds one. */
const SORTED_CHARACTERS = 256;

/** What elements are sorted by: their key, or of a very long one its start, so that such keys are together with others. */
export function sortedKey(key: string | undefined): string | undefined {
  if (key === undefined || key.length <= SORTED_CHARACTERS) return key;
  // A copy: a slice would hold the whole key.
  return Buffer.from(key.slice(0, SORTED_CHARACTERS), 'utf16le').toString('utf16le');
}

/** What comes first: elements of lower ranks, and of one rank those of lower keys. */
export type RankOf = (key: string | undefined) => number;

/**
 * The order in which grouping puts keys: cohort by cohort, then the keys that are in none, then elements without a key.
 *
 * @param cohorts - keys that belong together, as they share a model.
 * @returns the rank of a key as it is sorted.
 */
export function rankKeys(cohorts: readonly (readonly string[])[]): RankOf {
  const ranks = new Map<string | undefined, number>();
  cohorts.forEach((keys, rank) => keys.forEach((key) => ranks.set(sortedKey(key), rank)));
  const unknown = cohorts.length;
  return (key) => (key === undefined ? unknown + 1 : (ranks.get(key) ?? unknown));
}
