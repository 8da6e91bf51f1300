import type { InputOptions } from '../format.ts';

/** Folder of rows without a value for a field, as Hive and Spark name it. */
const NO_VALUE = '__HIVE_DEFAULT_PARTITION__';

/** Fields that the folders of an object have for all of its rows. */
export type Partitions = Readonly<Record<string, string | null>>;

/** Returns the fields that folders such as `country=us` name, from the outermost on; none if they are not read. */
export function partitionsOf(name: string | undefined, { partitioning }: InputOptions): Partitions {
  if (partitioning !== 'hive' || name === undefined) return {};
  const fields = name
    .split('/')
    .slice(0, -1)
    .flatMap((folder) => {
      const at = folder.indexOf('=');
      return at < 1 ? [] : [[decoded(folder.slice(0, at)), valueOf(folder.slice(at + 1))] as const];
    });
  return Object.fromEntries(fields);
}

function valueOf(text: string): string | null {
  return text === NO_VALUE ? null : decoded(text);
}

/** Returns the text of a part of a name; one that is not percent-encoded is as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
