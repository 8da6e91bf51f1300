import { FabricError } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import { delimiterOf, rowScanner } from './csv-dialect.ts';
import { splitFields } from './csv-fields.ts';
import { DecodedRun } from './decoded-run.ts';
import type { InputOptions, ReadOptions } from './format.ts';
import { alignedPieces } from './lines.ts';
import { splitRecords } from './record-splitter.ts';
import { trimLineEnding } from './record-text.ts';

/**
 * The columns of a CSV object, from its first row that is not blank, and where that row ends; undefined where it has none.
 *
 * @param start where the text starts: behind a byte order mark.
 * @throws FabricError where the names do not make a header.
 */
export async function readHeader(
  source: ByteSource,
  start: number,
  input: InputOptions,
  options: ReadOptions = {},
): Promise<{ readonly header: readonly string[]; readonly end: number } | undefined> {
  const pieces = alignedPieces(source, { start, end: source.byteLength }, options);
  for await (const run of splitRecords(pieces, rowScanner(input), input.maxElementBytes)) {
    if (run.kind !== 'records') throw headerError('its first row does not end');
    const decoded = new DecodedRun(run);
    let rowStart = 0;
    for (const rowEnd of run.ends) {
      const end = trimLineEnding(run.bytes, rowStart, rowEnd);
      if (end > rowStart) {
        return { header: headerOf(decoded.text(rowStart, end), input), end: run.position + rowEnd };
      }
      rowStart = rowEnd;
    }
  }
  return undefined;
}

function headerOf(text: string | undefined, input: InputOptions): readonly string[] {
  if (text === undefined) throw headerError('it is not valid UTF-8');
  const header = splitFields(text, delimiterOf(input));
  if (header === undefined) throw headerError('a quoted name is not closed');
  const empty = header.indexOf('');
  if (empty !== -1) throw headerError(`every column must have a name: column ${empty + 1} has none`);
  const repeated = header.find((name, index) => header.indexOf(name) !== index);
  if (repeated !== undefined) throw headerError(`names must be unique: ${JSON.stringify(repeated)} comes twice`);
  return header;
}

function headerError(problem: string): FabricError {
  return new FabricError('INVALID_CSV_HEADER', `Cannot read the CSV header: ${problem}`);
}
