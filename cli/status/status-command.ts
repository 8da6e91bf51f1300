import { inParallel } from '../../lib/jobs/in-parallel.ts';
import { jobIn, listJobs } from '../../lib/jobs/report/find-jobs.ts';
import { type JobReport, reportJob, reportJobClosely } from '../../lib/jobs/report/job-report.ts';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { exitStatusOf, type JobResults, openResults } from '../job-results.ts';
import { plainTable } from '../format/table.ts';

export interface StatusOptions {
  readonly limit: number;
  readonly json?: boolean;
}

const READS_AT_ONCE = 16;
/** Missing bundles that a table names; of more, it says how many. */
const SHOWN_MISSING = 10;

/** `fabric status`: one job, or all jobs below a folder. */
export function statusCommand(address: string, options: StatusOptions): Promise<ExitStatus> {
  return exitStatusOf(async () => {
    using results = await openResults(address);
    const { folder, output } = results;
    const recorded = folder === '' ? undefined : await jobIn(folder, output);
    if (recorded !== undefined) print(await reportJobClosely(recorded, output), results, options);
    else await printJobs(results, options);
    return EXIT.success;
  });
}

function print(report: JobReport, results: JobResults, { json }: Pick<StatusOptions, 'json'>): void {
  console.log(json === true ? JSON.stringify(addressed(report, results)) : reportTable(report, results));
}

async function printJobs(results: JobResults, { limit, json }: StatusOptions): Promise<void> {
  const { output, folder, shown } = results;
  const jobs = await listJobs(folder, output);
  if (jobs.length === 0) throw new InputError(`there are no jobs in ${shown(folder)}`);
  const newest = jobs.toSorted((a, b) => b.recordedAt.getTime() - a.recordedAt.getTime()).slice(0, limit);
  const reports = await inParallel(newest, READS_AT_ONCE, (job) => reportJob(job.recorded, job.parts, output));
  if (json === true) {
    console.log(JSON.stringify({ jobs: jobs.length, shown: reports.map((report) => addressed(report, results)) }));
    return;
  }
  const table = plainTable(['job', 'status', 'parts', 'succeeded', 'failed']);
  for (const { folder: key, status, parts, counts } of reports) {
    table.push([shown(key), status, `${parts.done} of ${parts.of}`, number(counts?.succeeded), number(counts?.failed)]);
  }
  console.log(table.toString());
  if (newest.length < jobs.length) {
    console.log(`the newest ${newest.length} of ${jobs.length} jobs; '--limit' shows more`);
  }
}

/** A report as `--json` prints it. */
export function addressed({ folder, ...report }: JobReport, { shown }: JobResults): object {
  return { results: shown(folder), ...report };
}

export function reportTable(report: JobReport, { shown }: JobResults): string {
  const { status, source, parts, counts, failedByStage = {}, missing = [], missingCount = 0 } = report;
  const table = plainTable();
  table.push(['job', shown(report.folder)], ['source', source], ['status', status]);
  if (report.reason !== undefined) table.push(['', report.reason]);
  table.push(['parts', `${number(parts.done)} of ${number(parts.of)}`]);
  if (counts !== undefined) table.push(['succeeded', number(counts.succeeded)], ['failed', number(counts.failed)]);
  for (const [stage, count] of Object.entries(failedByStage)) table.push([`  at ${stage}`, number(count)]);
  for (const { name, error } of missing.slice(0, SHOWN_MISSING)) {
    table.push(['missing', error === undefined ? name : `${name}: ${error.name}: ${error.message}`]);
  }
  if (missingCount > SHOWN_MISSING) table.push(['', `and ${number(missingCount - SHOWN_MISSING)} more`]);
  return table.toString();
}

function number(value: number | undefined): string {
  return value?.toLocaleString('en') ?? '';
}
