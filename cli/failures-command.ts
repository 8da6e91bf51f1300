import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { RedriveSelection } from '../lib/elements/messages.ts';
import type { ErrorsLine } from '../lib/jobs/commit/errors-line.ts';
import { type Failure, readFailures } from '../lib/jobs/redrive/read-failures.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { exitStatusOf, jobOf, openResults } from './job-results.ts';
import { plainTable } from './plain-table.ts';

export interface SelectOptions {
  readonly stage?: string;
  readonly error?: string;
}

export interface FailuresOptions extends SelectOptions {
  readonly limit: number;
  readonly save?: string;
  readonly json?: boolean;
}

/** Of an error's message in the table. */
const SHOWN_CHARACTERS = 100;

/** Failures of a job, counted by stage and error's name. */
interface Found {
  total: number;
  readonly byKind: Map<string, { readonly stage: string; readonly error: string; count: number }>;
  /** The first of them. */
  readonly shown: ErrorsLine[];
}

export function selectionOf({ stage, error }: SelectOptions): RedriveSelection {
  return { ...(stage === undefined ? {} : { stage }), ...(error === undefined ? {} : { errorName: error }) };
}

/** `fabric failures`: the failed elements of a job, in input order. */
export function failuresCommand(address: string, options: FailuresOptions): Promise<ExitStatus> {
  return exitStatusOf(async () => {
    using results = await openResults(address);
    const recorded = await jobOf(results);
    const found: Found = { total: 0, byKind: new Map(), shown: [] };
    const failures = counted(readFailures(recorded, selectionOf(options), results.output), found, options.limit);
    if (options.save !== undefined) await pipeline(linesOf(failures), createWriteStream(options.save));
    else for await (const _ of failures);
    console.log(options.json === true ? JSON.stringify(summaryOf(found)) : tableOf(found));
    if (options.save !== undefined && options.json !== true) console.log(`all ${found.total} are in ${options.save}`);
    return EXIT.success;
  });
}

async function* counted(failures: AsyncIterable<Failure>, found: Found, limit: number): AsyncGenerator<Failure> {
  for await (const failure of failures) {
    const { line } = failure;
    const kind = JSON.stringify([line.stage, line.error.name]);
    const known = found.byKind.get(kind) ?? { stage: line.stage, error: line.error.name, count: 0 };
    known.count += 1;
    found.byKind.set(kind, known);
    found.total += 1;
    if (found.shown.length < limit) found.shown.push(line);
    yield failure;
  }
}

async function* linesOf(failures: AsyncIterable<Failure>): AsyncGenerator<string> {
  for await (const { text } of failures) yield `${text}\n`;
}

function summaryOf({ total, byKind, shown }: Found): object {
  return { total, kinds: [...byKind.values()], failures: shown };
}

function tableOf({ total, byKind, shown }: Found): string {
  if (total === 0) return 'no failures';
  const table = plainTable(['id', 'stage', 'error']);
  for (const { id, stage, error } of shown) table.push([id, stage, short(`${error.name}: ${error.message}`)]);
  const kinds = plainTable(['stage', 'error', 'elements']);
  for (const kind of byKind.values()) kinds.push([kind.stage, kind.error, kind.count.toLocaleString('en')]);
  const more =
    shown.length < total ? [`the first ${shown.length} of ${total}; '--save' writes all of them to a file`] : [];
  return [table.toString(), ...more, kinds.toString()].join('\n');
}

/** One line of text. */
function short(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS - 1).toWellFormed()}…`;
}
