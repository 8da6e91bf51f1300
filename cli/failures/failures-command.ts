import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { ErrorsLine } from '../../lib/jobs/commit/errors-line.ts';
import { type Failure, readFailures } from '../../lib/jobs/redrive/read-failures.ts';
import { FailureGroups } from '../../lib/jobs/report/failure-groups.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { exitStatusOf } from '../exit-status-of.ts';
import { jobOf, openResults } from '../job-results.ts';
import { type SelectOptions, selectionOf } from '../select-failures.ts';
import { failureTable } from '../failure-table.ts';
import { counted, number } from '../format/amounts.ts';
import { plainTable } from '../format/table.ts';
import { shortened } from '../format/text.ts';

export interface FailuresOptions extends SelectOptions {
  readonly limit: number;
  readonly save?: string;
  readonly json?: boolean;
}

/** Maximum characters of an error in the table. */
const SHOWN_CHARACTERS = 100;

/** Failures of a job, grouped by reason. */
interface Found {
  readonly groups: FailureGroups;
  /** The first failures. */
  readonly shown: ErrorsLine[];
}

/** `fabric failures`: the failed elements of a job, in input order. */
export function failuresCommand(address: string, options: FailuresOptions): Promise<ExitStatus> {
  return exitStatusOf(async () => {
    using results = await openResults(address);
    const recorded = await jobOf(results);
    const found: Found = { groups: new FailureGroups(), shown: [] };
    const all = readFailures(recorded, selectionOf(options), results.output);
    const failures = collected(all, found, options.limit);
    if (options.save !== undefined) await pipeline(linesOf(failures), createWriteStream(options.save));
    else for await (const _ of failures);
    console.log(options.json === true ? JSON.stringify(summaryOf(found)) : tablesOf(found));
    if (options.save !== undefined && options.json !== true)
      console.log(`saved ${counted(found.groups.total, 'failed element')} to ${options.save}`);
    return EXIT.success;
  });
}

/** Adds failures to the groups, and the first ones to the list, as they pass. */
async function* collected(failures: AsyncIterable<Failure>, found: Found, limit: number): AsyncGenerator<Failure> {
  for await (const failure of failures) {
    const { line } = failure;
    found.groups.add(line);
    if (found.shown.length < limit) found.shown.push(line);
    yield failure;
  }
}

async function* linesOf(failures: AsyncIterable<Failure>): AsyncGenerator<string> {
  for await (const { text } of failures) yield `${text}\n`;
}

/** Returns failures by reason, the largest group first (`kinds`), and the number beyond the kept reasons (`others`). */
function summaryOf({ groups, shown }: Found): object {
  const kinds = groups.list().map(({ stage, error, count, id, isVaried }) => {
    const { name, message, at } = error;
    return { stage, error: name, message, at, count, id, isVaried };
  });
  return { total: groups.total, kinds, ...(groups.others === 0 ? {} : { others: groups.others }), failures: shown };
}

function tablesOf({ groups, shown }: Found): string {
  const { total } = groups;
  if (total === 0) return 'no failures';
  const table = plainTable(['id', 'stage', 'error']);
  for (const { id, stage, error } of shown) {
    table.push([id, stage, shortened(`${error.name}: ${error.message}`, SHOWN_CHARACTERS)]);
  }
  const more =
    shown.length < total
      ? [`showing the first ${number(shown.length)} of ${number(total)}; use '--save' to write all of them to a file`]
      : [];
  return [failureTable(groups), table.toString(), ...more].join('\n');
}
