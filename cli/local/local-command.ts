import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { loadConfig } from '../../lib/config/load-config.ts';
import { isIn, realPaths } from '../../lib/jobs/run/refuse-overlap.ts';
import { isWrittenName } from '../../lib/jobs/part-names.ts';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { removeLeftFiles, removeLeftFolders } from '../../lib/stores/left-files.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { findConfig } from '../find-config.ts';
import { failureList } from '../failure-table.ts';
import { counted, number } from '../format/amounts.ts';
import { shownPath } from '../format/text.ts';
import { logLine } from '../log-line.ts';
import { type ReservedStdout, reserveStdout } from '../reserve-stdout.ts';
import { awsEnvironment } from './embedded-aws.ts';
import { INPUT_BUCKET, OUTPUT_BUCKET } from './local-fabric.ts';
import type { AnsweredObjects, EndedJob } from './local-report.ts';
import type { Unwritten } from './mirror.ts';
import { groupFailures, type Session, type SessionOptions, startSession } from './session.ts';
import { watchFolder } from './watch-folder.ts';
import { untilAborted } from './until-aborted.ts';
import { exitStatusOf } from '../exit-status-of.ts';

export interface LocalOptions {
  readonly input: string;
  readonly output: string;
  readonly config?: string;
  readonly once?: boolean;
  readonly workers?: number;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Options with the function that prints on standard output. */
type SessionPrints = LocalOptions & Pick<ReservedStdout, 'print'>;

/** Maximum time from Ctrl-C to the end. Work that is cut off starts over in the next session. */
const GRACE_MILLIS = 1500;

/** `fabric local`: runs the whole fabric in this process until Ctrl-C; with `--once`, until all files are processed. */
export function localCommand(options: LocalOptions): Promise<ExitStatus> {
  return exitStatusOf((signal) => local(options, signal), {
    interrupted: 'files without results start over in the next run',
    graceMillis: GRACE_MILLIS,
    verbose: options.verbose,
  });
}

async function local(given: LocalOptions, signal: AbortSignal): Promise<ExitStatus> {
  using stdout = reserveStdout(given.json === true);
  const options = { ...given, print: stdout.print };
  const configUrl = findConfig(options.config);
  const fabric = await loadConfig(configUrl);
  const folders = { input: resolve(options.input), output: resolve(options.output) };
  await refuseNested(folders);
  const pipelines = Object.keys(fabric.pipelines);
  await makeFolders(folders, pipelines);
  await removeLeftFolders();
  for (const name of [...pipelines, '_rejected']) await removeLeftFiles(join(folders.output, name), isWrittenName);
  await using session = await open({ ...options, ...folders }, { configUrl, fabric });
  signal.throwIfAborted();
  const status = await (options.once === true
    ? once(session, options, signal)
    : serve(session, { ...options, ...folders }, signal));
  // Set already here, in case the session takes too long to end.
  process.exitCode = status;
  return status;
}

function open(options: SessionPrints, rest: Pick<SessionOptions, 'configUrl' | 'fabric'>): Promise<Session> {
  const { input, output, workers, verbose, json = false, once: isOnce = false } = options;
  // With `--once --json`, the session prints one object at its end instead.
  const print = (ended: EndedJob | AnsweredObjects, line: string): void => {
    if (!json) options.print(line);
    else if (!isOnce) options.print(JSON.stringify(ended));
  };
  return startSession({
    ...rest,
    input,
    output,
    workers,
    verbose,
    live: !isOnce,
    onJob: (job) => print(job, lineOfJob(job)),
    onObjects: (objects) => print(objects, lineOfObjects(objects, output)),
  });
}

/** Processes the files that are in the folder now. */
async function once(session: Session, { json, print }: SessionPrints, signal: AbortSignal): Promise<ExitStatus> {
  const { fabric, uploads, report, refused } = session;
  await uploads.addAll();
  await untilAborted(uploads.settled(), signal);
  await fabric.idle({ signal });
  await untilAborted(session.settled(), signal);
  report.flush();
  const summary = report.summary();
  const [unwritten, unanswered] = [session.unwritten(), session.unanswered()];
  const failures = await untilAborted(groupFailures(session), signal);
  const groups = { failureGroups: failures.list(), otherFailures: failures.others };
  const parked = await fabric.parked();
  if (json === true)
    print(JSON.stringify({ ...summary, unwritten: unwritten.map(({ name }) => name), unanswered, ...groups }));
  else if (failures.total > 0) print(failureList(failures));
  if (parked > 0) logLine(`${counted(parked, 'message')} failed all retries; see the errors above`);
  logUnwritten(unwritten);
  for (const key of unanswered) logLine(`${key} has no results: run it again`);
  const isWhole = summary.jobs.every((job) => job.status === 'complete');
  const isAllThere = refused.size + unwritten.length + unanswered.length === 0;
  if (!isWhole || parked > 0 || summary.rejected > 0 || !isAllThere) return EXIT.failure;
  return summary.failed > 0 ? EXIT.elementsFailed : EXIT.success;
}

/** Processes files as they are dropped, until the signal is aborted. */
async function serve(session: Session, options: SessionPrints, signal: AbortSignal): Promise<ExitStatus> {
  if (options.json !== true) options.print(welcome(session.fabric.endpoint, options));
  await using _watcher = await watchFolder(options.input, session.uploads);
  // Ctrl-C is the normal end.
  await untilAborted(new Promise<never>(() => {}), signal).catch(() => {});
  session.report.flush();
  const unwritten = session.unwritten();
  logUnwritten(unwritten);
  return unwritten.length > 0 ? EXIT.failure : EXIT.success;
}

function logUnwritten(unwritten: readonly Unwritten[]): void {
  for (const { name, missing } of unwritten)
    logLine(`results of ${name} are incomplete: ${counted(missing, 'file')} missing`);
}

async function makeFolders(
  { input, output }: Pick<LocalOptions, 'input' | 'output'>,
  pipelines: readonly string[],
): Promise<void> {
  const folders = [output, ...pipelines.map((pipeline) => join(input, pipeline))];
  await Promise.all(folders.map((folder) => mkdir(folder, { recursive: true })));
}

/** Results in the watched folder would be processed as input, and input in the results folder could be overwritten. */
async function refuseNested({ input, output }: Pick<LocalOptions, 'input' | 'output'>): Promise<void> {
  const real = realPaths();
  for (const [outer, inner] of [
    [input, output],
    [output, input],
  ] as const) {
    if (isIn(await real(outer), await real(inner)))
      throw new InputError(`'--input' and '--output' must not contain each other: ${inner} is in ${outer}`);
  }
}

function lineOfJob({ pipeline, status, succeeded, failed, results, isWritten }: EndedJob): string {
  const states = [...(status === 'complete' ? [] : [status]), ...(isWritten ? [] : ['not completely written'])];
  const state = states.length === 0 ? '' : ` (${states.join(', ')})`;
  return `${pipeline}: ${countsOf(succeeded, failed)}${state}: ${shownPath(results)}`;
}

function lineOfObjects({ pipeline, succeeded, failed }: AnsweredObjects, output: string): string {
  return `${pipeline}: ${countsOf(succeeded, failed)}: ${shownPath(join(output, pipeline))}/<file>.json`;
}

function countsOf(succeeded: number, failed: number): string {
  return `${number(succeeded)} succeeded, ${number(failed)} failed`;
}

function welcome(endpoint: string, { input, output }: LocalOptions): string {
  // One variable sets the endpoint of all services.
  const settings = Object.entries(awsEnvironment(endpoint)).filter(([name]) => !name.startsWith('AWS_ENDPOINT_URL_'));
  return [
    `Drop files in ${shownPath(input)}/<pipeline>/; results are written to ${shownPath(output)}/<pipeline>/. Press Ctrl-C to stop.`,
    `S3 and SQS run at ${endpoint}. To use them with the AWS CLI or with fabric status, failures and redrive:`,
    ...settings.map(([name, value]) => `  export ${name}=${value}`),
    `Buckets: s3://${INPUT_BUCKET} and s3://${OUTPUT_BUCKET}.`,
    '',
  ].join('\n');
}
