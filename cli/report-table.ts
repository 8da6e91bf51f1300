import type { JobReport } from '../lib/jobs/report/job-report.ts';
import { number } from './format/amounts.ts';
import { plainTable } from './format/table.ts';
import type { JobResults } from './job-results.ts';

/** Number of missing bundles that a table names; the others are only counted. */
const SHOWN_MISSING = 10;

/** Returns a job's report as `--json` prints it. */
export function addressed({ folder, ...report }: JobReport, { shown }: JobResults): object {
  return { results: shown(folder), ...report };
}

/** Formats a job's report as a table. */
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
