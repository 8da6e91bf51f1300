import type { StoreOptions } from '../../stores/object-store.ts';
import { readEnd } from '../notes/job-end.ts';
import type { RecordedJob } from '../job-record.ts';
import type { Counts, JobStatus, Manifest } from '../manifest.ts';
import type { OutputAccess, OutputBucket } from '../fabric-ports.ts';
import { PartReader } from '../commit/read-parts.ts';
import { openRedrives } from '../notes/redrive-notes.ts';

/** How a job stands. */
export interface JobReport {
  readonly job: string;
  readonly pipeline: string;
  /** Its folder's object key. */
  readonly folder: string;
  readonly source: string;
  /** `running`: nothing says yet how it ended. `redriving`: it has ended, and failures of it are run again. */
  readonly status: JobStatus | 'running' | 'redriving';
  /** Reason that it was stopped. */
  readonly reason?: string;
  readonly parts: { readonly done: number; readonly of: number };
  /** Counts in the manifest; for a running job, in its parts so far, if known. */
  readonly counts?: Counts;
  readonly failedByStage?: Readonly<Record<string, number>>;
  readonly missing?: Manifest['missing'];
  readonly missingCount?: number;
}

/** Parts of a running job that are asked for what they hold: more would take minutes. */
const MAX_COUNTED_PARTS = 10_000;

/** Reports a job from its manifest; a job without a manifest is running. `parts` is the number of its parts. */
export async function reportJob(recorded: RecordedJob, parts: number, output: OutputAccess): Promise<JobReport> {
  const { job, folder } = recorded;
  const manifest = await readEnd(recorded, output, output);
  const head = { job: job.id, pipeline: job.pipeline, folder, source: job.source.uri };
  const known = { ...head, parts: { done: parts, of: job.of } };
  if (manifest === undefined) return { ...known, status: 'running' };
  const { status, reason, counts, failedByStage, missing, missingCount } = manifest;
  return {
    ...known,
    status,
    ...(reason === undefined ? {} : { reason }),
    counts,
    failedByStage,
    ...(missing === undefined ? {} : { missing }),
    ...(missingCount === undefined ? {} : { missingCount }),
  };
}

/** As `reportJob`, with what takes more requests: counts of a job that runs, and whether it is redriven. */
export async function reportJobClosely(
  recorded: RecordedJob,
  output: OutputBucket,
  options: StoreOptions = {},
): Promise<JobReport> {
  const reader = new PartReader(recorded, output);
  const list = await reader.list(options);
  const report = await reportJob(recorded, list.parts.size, { ...output, ...options });
  if (report.status !== 'running') {
    const redrives = await openRedrives(recorded.job, { ...output, ...options });
    return redrives.length === 0 ? report : { ...report, status: 'redriving' };
  }
  if (list.parts.size > MAX_COUNTED_PARTS) return report;
  const notes = [...(await reader.read(list, options)).values()].map(({ note }) => note);
  // Parts of `fabric run` have their notes elsewhere.
  if (notes.length < list.parts.size) return report;
  const total = notes.reduce((sum, { elements }) => sum + elements, 0);
  const succeeded = notes.reduce((sum, note) => sum + note.succeeded, 0);
  return { ...report, counts: { total, succeeded, failed: total - succeeded } };
}
