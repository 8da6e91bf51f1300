/** Growth from one bucket to the next. Padding is at most a fifth of a batch, and about a tenth on mixed texts. */
const GROWTH = 1.25;
const FIRST = 8;
/** Longest texts that still have buckets of similar lengths. */
const LAST = 131_072;

/** Lower bounds of the length buckets in tokens: 8, 10, 13, 17, 22, 28, … */
export const TOKEN_BUCKETS: readonly number[] = boundaries();

function boundaries(): readonly number[] {
  const all = [FIRST];
  for (let last = FIRST; last < LAST; all.push(last)) last = Math.ceil(last * GROWTH);
  return all;
}
