/** What comes first: elements of lower ranks, and of one rank those of lower keys. */
export type RankOf = (key: string | undefined) => number;

/**
 * The order in which grouping puts keys: cohort by cohort, then the keys that are in none, then elements without a key.
 *
 * @param cohorts - keys that belong together, as they share a model.
 */
export function keyOrder(cohorts: readonly (readonly string[])[]): RankOf {
  const ranks = new Map<string, number>();
  cohorts.forEach((keys, rank) => keys.forEach((key) => ranks.set(key, rank)));
  const unknown = cohorts.length;
  return (key) => (key === undefined ? unknown + 1 : (ranks.get(key) ?? unknown));
}
