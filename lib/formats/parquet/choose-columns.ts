import { FabricError } from '../../errors.ts';
import { suggestion } from '../../nearest-name.ts';
import type { InputOptions } from '../format.ts';
import type { Partitions } from './partitions.ts';
import type { TableColumn } from './schema.ts';

/** Maximum number of names in a message. */
const MAX_NAMED = 20;

/** The columns of a file that are read, and the fields that its folders have. */
export interface ChosenColumns {
  readonly columns: readonly TableColumn[];
  readonly partitions: Partitions;
}

/**
 * Chooses the columns that `input.columns` names and those of ids, keys and arguments, in the order of the file; all columns
 * if it names none. A column of the file comes before a folder of its name.
 *
 * @throws FabricError `UNKNOWN_COLUMNS` if the file lacks a column that is named or that a model reads.
 */
export function chooseColumns(
  columns: readonly TableColumn[],
  input: InputOptions,
  partitions: Partitions = {},
): ChosenColumns {
  const own = new Set(columns.map(({ name }) => name));
  const names = [...own, ...Object.keys(partitions).filter((name) => !own.has(name))];
  const missing = (fields: readonly string[]): readonly string[] =>
    fields.filter((field) => columnNamed(names, field) === undefined);
  refuse(missing(input.columns ?? []), names, "which 'input.columns' names");
  refuse(missing(input.neededColumns ?? []), names, "which the model's 'inputs' name");
  const { id, key, inferenceArgs } = input;
  const fields = [...(input.columns ?? names), id, key, inferenceArgs].filter((field) => typeof field === 'string');
  const chosen = new Set(fields.map((field) => columnNamed(names, field)));
  return {
    columns: columns.filter(({ name }) => chosen.has(name)),
    partitions: Object.fromEntries(Object.entries(partitions).filter(([name]) => !own.has(name) && chosen.has(name))),
  };
}

/** Returns the column that a field is, or in which it is: `meta.id` is a field of the column `meta`. */
function columnNamed(names: readonly string[], field: string): string | undefined {
  return [field, field.split('.')[0]].find((name) => name !== undefined && names.includes(name));
}

function refuse([first, ...others]: readonly string[], names: readonly string[], why: string): void {
  if (first === undefined) return;
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  const shown = names.slice(0, MAX_NAMED).join(', ') + (names.length > MAX_NAMED ? ', …' : '');
  throw new FabricError(
    'UNKNOWN_COLUMNS',
    `Cannot read the Parquet file: it has no column '${first}'${more}, ${why}${suggestion(first, names)}; its columns are ${shown}`,
  );
}
