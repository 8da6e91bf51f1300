import { readFile } from 'node:fs/promises';
import { linesOf } from '../../../lib/formats/parts/read-lines.ts';

/** Writes a value as `plain` in test/export/parquet_files.py does. */
export function plain(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return `b:${value}`;
    case 'number':
      return numberText(value);
    case 'string':
      return `s:${value}`;
    case 'object':
      if (value === null) return null;
      if (value instanceof Uint8Array) return `x:${Buffer.from(value).toString('hex')}`;
      if (Array.isArray(value)) return value.map(plain);
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
    default:
      return value;
  }
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'n:nan';
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return `n:${bytes.toString('hex')}`;
}

/** Returns the rows that pyarrow reads of a file. @param path - of the file, `….parquet` */
export async function expectedRows(path: string): Promise<readonly unknown[]> {
  const lines = linesOf(await readFile(path.replace(/\.parquet$/, '.jsonl')));
  return lines.map((line) => JSON.parse(line) as unknown);
}
