import { FabricError } from '../errors.ts';
import type { InputOptions } from './format.ts';
import { isNumericText } from './numeric-text.ts';

/**
 * Returns the names of a header's columns. A column without a name is named by its place, `column 1`. Columns that
 * share a name have their places added, `region (column 3)`, so that they are not confused. If functions get whole
 * rows, names must be unique.
 *
 * @throws FabricError `INVALID_CSV_HEADER` if the names can't be a header's, or a name that is used is not one
 *   column's.
 */
export function columnNames(fields: readonly string[], input: InputOptions): readonly string[] {
  if (fields.every((name) => name === '')) throw headerError('no column has a name');
  if (input.header !== true && fields.every((name) => name === '' || isNumericText(name))) {
    throw headerError(
      "its names are numbers, as in a file without a header: set 'input.header' to false or to a list of names, or to true where the numbers are names",
    );
  }
  const counts = new Map<string, number>();
  for (const name of fields) counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const option of ['id', 'key', 'inferenceArgs'] as const) {
    const used = input[option];
    if (typeof used === 'string' && (counts.get(used) ?? 0) > 1) {
      throw headerError(
        `names must be unique where they are used: 'input.${option}' is ${JSON.stringify(used)}, which comes twice`,
      );
    }
  }
  const repeated = input.wholeRows === true ? fields.find((name) => name !== '' && counts.get(name) !== 1) : undefined;
  if (repeated !== undefined) {
    const places = fields.flatMap((name, index) => (name === repeated ? index + 1 : []));
    throw headerError(
      `names must be unique where a function gets whole rows: ${JSON.stringify(repeated)} is the name of columns ${places.join(' and ')}`,
    );
  }
  const names = fields.map((name, index) => columnName(name, index, counts));
  if (new Set(names).size < names.length)
    throw headerError('names must be unique, also those of columns by their places');
  return names;
}

function columnName(name: string, index: number, counts: ReadonlyMap<string, number>): string {
  const place = `column ${index + 1}`;
  if (name === '') return place;
  return counts.get(name) === 1 ? name : `${name} (${place})`;
}

export function headerError(problem: string): FabricError {
  return new FabricError('INVALID_CSV_HEADER', `Cannot read the CSV header: ${problem}`);
}
