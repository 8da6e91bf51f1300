/** Normalizes a name: case, `_` and `-` do not distinguish names. Beam's `max_batch_size` is `maxBatchSize`. */
function plain(name: string): string {
  return name.replaceAll(/[_-]/g, '').toLowerCase();
}

/** A known name, and the number of edits that lead to it; 0 for another spelling of the same words. */
export interface NearName {
  readonly name: string;
  readonly edits: number;
}

/**
 * Finds the known name that was most likely meant by a wrong one: at most a third of its letters have to be edited, or
 * one of the two begins with the other. Returns undefined if no name is near.
 */
export function nearestName(wrong: string, known: Iterable<string>): NearName | undefined {
  const given = plain(wrong);
  if (given === '') return undefined;
  let nearest: NearName | undefined;
  let beginning: NearName | undefined;
  for (const name of known) {
    const other = plain(name);
    const edits = editsBetween(given, other);
    if (edits <= Math.max(given.length, other.length) / 3 && edits < (nearest?.edits ?? Infinity)) {
      nearest = { name, edits };
    }
    const isBeginning = other.startsWith(given) || given.startsWith(other);
    if (isBeginning && edits < (beginning?.edits ?? Infinity)) beginning = { name, edits };
  }
  return nearest ?? beginning;
}

/** Returns `; did you mean 'x'?`, or empty text if no name is near. */
export function suggestion(wrong: string, known: Iterable<string>): string {
  const nearest = nearestName(wrong, known);
  return nearest === undefined ? '' : `; did you mean '${nearest.name}'?`;
}

/**
 * Counts the letters to insert, leave out, change, or swap with their neighbour (the optimal string alignment distance
 * of Damerau and Levenshtein).
 */
function editsBetween(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const changed = (last[column - 1] ?? 0) + Number(from[row - 1] !== to[column - 1]);
      const fewest = Math.min(changed, (last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1);
      const areSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(areSwapped ? Math.min(fewest, (beforeLast[column - 2] ?? Infinity) + 1) : fewest);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}
