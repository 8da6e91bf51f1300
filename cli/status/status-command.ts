import { inParallel } from '../../lib/jobs/in-parallel.ts';
import { jobIn, listJobs } from '../../lib/jobs/report/find-jobs.ts';
import { type JobReport, reportJob, reportJobClosely } from '../../lib/jobs/report/job-report.ts';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { exitStatusOf } from '../exit-status-of.ts';
import { type JobResults, openResults } from '../job-results.ts';
import { addressed, reportTable } from '../report-table.ts';
import { counted, number } from '../format/amounts.ts';
import { plainTable } from '../format/table.ts';

export interface StatusOptions {
  readonly limit: number;
  readonly json?: boolean;
}

const READS_AT_ONCE = 16;

/** `fabric status`: one job, or all jobs under a folder. */
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
    table.push([
      shown(key),
      status,
      `${number(parts.done)} of ${number(parts.of)}`,
      optionalNumber(counts?.succeeded),
      optionalNumber(counts?.failed),
    ]);
  }
  console.log(table.toString());
  if (newest.length < jobs.length) {
    console.log(
      `showing the newest ${number(newest.length)} of ${counted(jobs.length, 'job')}; use '--limit' to show more`,
    );
  }
}

function optionalNumber(value: number | undefined): string {
  return value === undefined ? '' : number(value);
}
