import { setTimeout as sleep } from 'node:timers/promises';
import { type JobReport, reportJobClosely } from '../../lib/jobs/report/job-report.ts';
import type { JobQueues, RecordedJob } from '../../lib/jobs/job-record.ts';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { manifestKey } from '../../lib/jobs/output-layout.ts';
import { type RedriveCounts, redriveJob } from '../../lib/jobs/redrive/redrive-job.ts';
import type { ObjectInfo } from '../../lib/stores/object-store.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { type SelectOptions, selectionOf } from '../failures/failures-command.ts';
import { exitStatusOf, jobOf, type JobResults, openResults } from '../job-results.ts';
import { addressed, reportTable } from '../status/status-command.ts';

export interface RedriveOptions extends SelectOptions {
  readonly wait?: boolean;
  readonly unfinished?: boolean;
  readonly bundleQueue?: string;
  readonly finalizerQueue?: string;
  readonly json?: boolean;
}

const POLL_MILLIS = 1000;

/** `fabric redrive`: sends the messages; the deployed fabric does the rest. */
export function redriveCommand(address: string, options: RedriveOptions): Promise<ExitStatus> {
  return exitStatusOf(async () => {
    if (!address.startsWith('s3:')) {
      throw new InputError(
        `a redrive needs the job's results in S3: '${address}' is no s3://<output>/<pipeline>/<file>`,
      );
    }
    using results = await openResults(address);
    const recorded = await jobOf(results);
    const before = await manifestOf(recorded, results);
    if (before === undefined && options.unfinished !== true) {
      const folder = results.shown(recorded.folder);
      throw new InputError(`${folder} has not ended: it has no manifest yet; '--unfinished' redrives it all the same`);
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
  throw new InputError(
    `the queues of job ${job.id} are not known any more: name them by '--bundle-queue' and '--finalizer-queue'`,
  );
}

/** Waits until the finalizer has written the manifest anew. */
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

function manifestOf(
  { folder }: RecordedJob,
  { output: { store, bucket } }: JobResults,
): Promise<ObjectInfo | undefined> {
  return store.head({ bucket, key: manifestKey(folder) });
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

function sentence({ failures, bundles, missing, isLookedAt }: RedriveCounts, isUnderWay: boolean): string {
  const parts = [
    ...(bundles === 0 ? [] : [`${number(failures, 'failed element')} in ${number(bundles, 'bundle')}`]),
    ...(missing === 0 ? [] : [number(missing, 'missing bundle')]),
  ];
  if (parts.length === 0 && isLookedAt)
    return 'nothing has to run again: the job has all its parts, and its end is on its way';
  if (parts.length === 0) return 'nothing to redrive: the job has no such failures, and no bundle is missing';
  return `${isUnderWay ? 'sent to run again' : 'run again'}: ${parts.join(', ')}`;
}

function number(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}

function exitOf({ status, counts }: JobReport): ExitStatus {
  if (status !== 'complete') return EXIT.failure;
  return counts !== undefined && counts.failed > 0 ? EXIT.elementsFailed : EXIT.success;
}
