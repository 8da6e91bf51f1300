import { createReadStream } from 'node:fs';
import { type ErrorsLine, parseErrorsLine } from '../commit/errors-line.ts';
import type { OutcomeSpool } from '../commit/outcome-spool.ts';
import { readLines } from '../../formats/parts/read-lines.ts';

/** Outcome of one element. */
export interface SpooledOutcome {
  /** Its place in the bundle. */
  readonly ordinal: number;
  readonly line: string;
  /** The parsed line of a failed element. */
  readonly failure: ErrorsLine | undefined;
}

/**
 * The outcomes in a spool that is closed, in input order. A line of results does not say its element's place: it is the
 * next one that has no line of errors.
 */
export async function* spooledOutcomes({ tally, results, errors }: OutcomeSpool): AsyncGenerator<SpooledOutcome> {
  const predictions = readLines(createReadStream(results.path));
  const failures = readLines(createReadStream(errors.path));
  try {
    let failed = await nextFailure(failures);
    for (let ordinal = 0; ordinal < tally.total; ordinal += 1) {
      if (failed?.failure.source['ordinal'] === ordinal) {
        yield { ordinal, ...failed };
        failed = await nextFailure(failures);
        continue;
      }
      const { value: line } = await predictions.next();
      if (line === undefined)
        throw new Error(`the outcomes of a bundle don't fit together: element ${ordinal} has none`);
      yield { ordinal, line, failure: undefined };
    }
  } finally {
    await Promise.all([predictions.return(undefined), failures.return(undefined)]);
  }
}

async function nextFailure(
  failures: AsyncIterator<string, undefined>,
): Promise<{ readonly line: string; readonly failure: ErrorsLine } | undefined> {
  const { value: line } = await failures.next();
  return line === undefined ? undefined : { line, failure: parseErrorsLine(line) };
}
