import { setTimeout as sleep } from 'node:timers/promises';
import { type JobReport, reportJobClosely } from '../../lib/jobs/report/job-report.ts';
import type { JobQueues, RecordedJob } from '../../lib/jobs/job-record.ts';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { manifestKey } from '../../lib/jobs/output-layout.ts';
import { type RedriveCounts, redriveJob } from '../../lib/jobs/redrive/redrive-job.ts';
import type { ObjectInfo } from '../../lib/stores/object-store.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { exitStatusOf } from '../exit-status-of.ts';
import { counted } from '../format/amounts.ts';
import { jobOf, type JobResults, openResults } from '../job-results.ts';
import { addressed, reportTable } from '../report-table.ts';
import { type SelectOptions, selectionOf } from '../select-failures.ts';

export interface RedriveOptions extends SelectOptions {
  readonly wait?: boolean;
  readonly unfinished?: boolean;
  readonly bundleQueue?: string;
  readonly finalizerQueue?: string;
  readonly json?: boolean;
}

const POLL_MILLIS = 1000;

/** `fabric redrive`: sends the messages. The deployed fabric processes them. */
export function redriveCommand(address: string, options: RedriveOptions): Promise<ExitStatus> {
  return exitStatusOf(async () => {
    if (!address.startsWith('s3:')) {
      throw new InputError(`a redrive requires results in S3: '${address}' is not s3://<output>/<pipeline>/<file>`);
    }
    using results = await openResults(address);
    const recorded = await jobOf(results);
    const before = await manifestOf(recorded, results);
    if (before === undefined && options.unfinished !== true) {
      const folder = results.shown(recorded.folder);
      throw new InputError(`${folder} is unfinished: it has no manifest yet; use '--unfinished' to redrive it anyway`);
    }
    const counts = await send(recorded, results, options);
    const report = options.wait === true && counts.isLookedAt ? await whenDone(recorded, before, results) : undefined;
    print({ counts, report }, results, options);
    return report === undefined ? EXIT.success : exitOf(report);
  });
}

async function send(recorded: RecordedJob, { output }: JobResults, options: RedriveOptions): Promise<RedriveCounts> {
  const queues = queuesOf(recorded, options);
  // The SDK takes long to load.
  const { openSqsClient, openSqsQueue } = await import('../../lib/stores/sqs-queue.ts');
  const client = openSqsClient();
  try {
    return await redriveJob(recorded, {
      output,
      bundles: openSqsQueue(queues.bundles, client),
      finalizer: openSqsQueue(queues.finalizer, client),
      queues,
      select: selectionOf(options),
      unfinished: options.unfinished === true,
      now: Date.now,
    });
  } finally {
    client.destroy();
  }
}

function queuesOf({ job, queues }: RecordedJob, options: RedriveOptions): JobQueues {
  const { bundleQueue: bundles = queues?.bundles, finalizerQueue: finalizer = queues?.finalizer } = options;
  if (bundles !== undefined && finalizer !== undefined) return { bundles, finalizer };
  throw new InputError(`job ${job.id} no longer records its queues: set '--bundle-queue' and '--finalizer-queue'`);
}

/** Waits until the finalizer has written a new manifest. */
async function whenDone(
  recorded: RecordedJob,
  before: ObjectInfo | undefined,
  results: JobResults,
): Promise<JobReport> {
  if (process.stderr.isTTY) console.error('waiting for the job to end …');
  for (;;) {
    await sleep(POLL_MILLIS);
    const now = await manifestOf(recorded, results);
    const isNew = now?.etag !== before?.etag || now?.lastModified.getTime() !== before?.lastModified.getTime();
    if (isNew) return reportJobClosely(recorded, results.output);
  }
}

function manifestOf(recorded: RecordedJob, { output: { store, bucket } }: JobResults): Promise<ObjectInfo | undefined> {
  return store.head({ bucket, key: manifestKey(recorded) });
}

function print(
  { counts, report }: { readonly counts: RedriveCounts; readonly report: JobReport | undefined },
  results: JobResults,
  { json }: RedriveOptions,
): void {
  if (json === true) {
    console.log(JSON.stringify({ ...counts, ...(report === undefined ? {} : { job: addressed(report, results) }) }));
    return;
  }
  console.log(sentence(counts, report === undefined));
  if (report !== undefined) console.log(reportTable(report, results));
}

function sentence({ failures, bundles, missing, isLookedAt }: RedriveCounts, isSent: boolean): string {
  const parts = [
    ...(bundles === 0 ? [] : [`${counted(failures, 'failed element')} in ${counted(bundles, 'bundle')}`]),
    ...(missing === 0 ? [] : [counted(missing, 'missing bundle')]),
  ];
  if (parts.length === 0 && isLookedAt) return 'nothing to rerun: the job has all its parts and will be finalized';
  if (parts.length === 0) return 'nothing to redrive: no failure matches, and no bundle is missing';
  return `${isSent ? 'sent to rerun' : 'rerun'}: ${parts.join(', ')}`;
}

function exitOf({ status, counts }: JobReport): ExitStatus {
  if (status !== 'complete') return EXIT.failure;
  return counts !== undefined && counts.failed > 0 ? EXIT.elementsFailed : EXIT.success;
}
