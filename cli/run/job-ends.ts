import type { JobResult } from '../../lib/jobs/run/run-jobs.ts';
import { byteSize, counted } from '../format/amounts.ts';

/** A job whose results are not complete, with the reason. */
export interface UnfinishedJob {
  readonly results: string;
  readonly status: JobResult['status'];
  readonly reason: string;
}

/** Jobs by how they ended, as `fabric run --json` prints them. */
export interface JobEnds {
  /** Number of jobs that were stopped because of too many failures. */
  readonly stopped: number;
  /** Number of jobs with bundles that could not be read. */
  readonly incomplete: number;
  /** Number of jobs that were limited to the first elements. */
  readonly limited: number;
  /** All stopped, incomplete and limited jobs. */
  readonly unfinished: readonly UnfinishedJob[];
}

export function jobEnds(results: readonly JobResult[]): JobEnds {
  const count = (status: JobResult['status']): number => results.filter((result) => result.status === status).length;
  const unfinished = results.flatMap((result): readonly UnfinishedJob[] => {
    const reason = reasonOf(result);
    return reason === undefined ? [] : [{ results: result.folder, status: result.status, reason }];
  });
  return { stopped: count('stopped'), incomplete: count('incomplete'), limited: count('limited'), unfinished };
}

/** Returns the problems that a run reports on stderr. A sample was asked for, so it is not a problem. */
export function problemsOf(results: readonly JobResult[]): readonly string[] {
  return results.flatMap((result) => {
    const reason = reasonOf(result);
    if (reason === undefined || result.status === 'limited') return [];
    return `${result.job.source.uri}: ${result.status}: ${reason}`;
  });
}

/** Returns the rows for the summary's table. */
export function endRows({ unfinished }: JobEnds): [string, string][] {
  return unfinished.slice(0, SHOWN_ENDS).map(({ status, reason }) => [status, reason]);
}

const SHOWN_ENDS = 5;

function reasonOf({ status, reason, missing = [], job }: JobResult): string | undefined {
  switch (status) {
    case 'complete':
      return undefined;
    case 'limited':
      return `only the first ${counted(job.source.limit ?? 0, 'element')} of ${job.name}; a later run replaces these results`;
    case 'stopped':
      return reason ?? 'too many elements failed';
    case 'incomplete':
      return lossOf(missing);
  }
}

function lossOf(missing: NonNullable<JobResult['missing']>): string {
  const bytes = missing.reduce((sum, { range }) => sum + (range === undefined ? 0 : range.end - range.start), 0);
  const size = bytes === 0 ? '' : ` (${byteSize(bytes)})`;
  const why = missing[0]?.error?.message ?? 'unknown reason';
  return `${counted(missing.length, 'bundle')}${size} could not be read: ${why}. Restore the input, then continue with '--resume'`;
}
