import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadConfig } from '../../lib/config/load-config.ts';
import { isIn, realPaths } from '../../lib/jobs/run/refuse-overlap.ts';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { removeLeftFiles, removeLeftFolders } from '../../lib/stores/left-files.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { failureList } from '../failure-table.ts';
import { counted } from '../format/amounts.ts';
import { awsEnvironment } from './embedded-aws.ts';
import { INPUT_BUCKET, OUTPUT_BUCKET } from './local-fabric.ts';
import { type AnsweredObjects, type EndedJob, shown } from './local-report.ts';
import type { Unwritten } from './mirror.ts';
import { groupFailures, type Session, type SessionOptions, startSession } from './session.ts';
import { watchFolder } from './watch-folder.ts';
import { untilAborted } from './until-aborted.ts';
import { untilInterrupted } from '../exit-status-of.ts';

export interface LocalOptions {
  readonly input: string;
  readonly output: string;
  readonly config: string;
  readonly once?: boolean;
  readonly workers?: number;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Time from Ctrl-C to the end, also if something hangs. Everything that is lost with it starts again the next time. */
const GRACE_MILLIS = 1500;

/** `fabric local`: the whole fabric here, until Ctrl-C, which is how it is meant to end; or until the folder is done. */
export function localCommand(options: LocalOptions): Promise<ExitStatus> {
  return untilInterrupted((signal) => local(options, signal), {
    interrupted: 'files that were dropped and not answered are run again from their start by the next run',
    graceMillis: GRACE_MILLIS,
    verbose: options.verbose,
  });
}

async function local(options: LocalOptions, signal: AbortSignal): Promise<ExitStatus> {
  const configUrl = pathToFileURL(resolve(options.config));
  const fabric = await loadConfig(configUrl);
  const folders = { input: resolve(options.input), output: resolve(options.output) };
  await refuseNested(folders);
  const pipelines = Object.keys(fabric.pipelines);
  await makeFolders(folders, pipelines);
  await removeLeftFolders();
  for (const name of [...pipelines, '_rejected']) await removeLeftFiles(join(folders.output, name));
  await using session = await open({ ...options, ...folders }, { configUrl, fabric });
  signal.throwIfAborted();
  const status = await (options.once === true
    ? once(session, options, signal)
    : serve(session, { ...options, ...folders }, signal));
  // Also if the session takes too long to end.
  process.exitCode = status;
  return status;
}

function open(options: LocalOptions, rest: Pick<SessionOptions, 'configUrl' | 'fabric'>): Promise<Session> {
  const { input, output, workers, verbose, json = false, once: isOnce = false } = options;
  return startSession({
    ...rest,
    input,
    output,
    workers,
    verbose,
    live: !isOnce,
    onJob: (job) => tell(job, lineOfJob(job), json, isOnce),
    onObjects: (objects) => tell(objects, lineOfObjects(objects, output), json, isOnce),
  });
}

/** Deals with the files that are there now. */
async function once(session: Session, { json }: LocalOptions, signal: AbortSignal): Promise<ExitStatus> {
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
    console.log(JSON.stringify({ ...summary, unwritten: unwritten.map(({ name }) => name), unanswered, ...groups }));
  else if (failures.total > 0) console.log(failureList(failures));
  if (parked > 0) say(`${parked} message${parked === 1 ? ' was' : 's were'} given up after every try; see above why`);
  sayUnwritten(unwritten);
  for (const key of unanswered) say(`${key} has no results: run again`);
  const isWhole = summary.jobs.every((job) => job.status === 'complete');
  const isAllThere = refused.size + unwritten.length + unanswered.length === 0;
  if (!isWhole || parked > 0 || summary.rejected > 0 || !isAllThere) return EXIT.failure;
  return summary.failed > 0 ? EXIT.elementsFailed : EXIT.success;
}

/** Deals with files as they are dropped, until it is told to stop. */
async function serve(session: Session, options: LocalOptions, signal: AbortSignal): Promise<ExitStatus> {
  if (options.json !== true) console.log(welcome(session.fabric.endpoint, options));
  await using _watcher = await watchFolder(options.input, session.uploads);
  // Ctrl-C is how it is meant to end.
  await untilAborted(new Promise<never>(() => {}), signal).catch(() => {});
  session.report.flush();
  const unwritten = session.unwritten();
  sayUnwritten(unwritten);
  return unwritten.length > 0 ? EXIT.failure : EXIT.success;
}

function sayUnwritten(unwritten: readonly Unwritten[]): void {
  for (const { name, missing } of unwritten)
    say(`results of ${name} are incomplete: ${counted(missing, 'file')} missing`);
}

function say(message: string): void {
  console.error(`fabric: ${message}`);
}

async function makeFolders(
  { input, output }: Pick<LocalOptions, 'input' | 'output'>,
  pipelines: readonly string[],
): Promise<void> {
  const folders = [output, ...pipelines.map((pipeline) => join(input, pipeline))];
  await Promise.all(folders.map((folder) => mkdir(folder, { recursive: true })));
}

/** Results in the folder that is watched would be taken for input, and input among the results overwritten. */
async function refuseNested({ input, output }: Pick<LocalOptions, 'input' | 'output'>): Promise<void> {
  const real = realPaths();
  for (const [outer, inner] of [
    [input, output],
    [output, input],
  ] as const) {
    if (isIn(await real(outer), await real(inner)))
      throw new InputError(`'--input' and '--output' must not lie in each other: ${inner} is in ${outer}`);
  }
}

/** One line of a table or of JSON for what has just ended; a run that ends prints one object at its end instead. */
function tell(what: EndedJob | AnsweredObjects, line: string, json: boolean, isOnce: boolean): void {
  if (!json) console.log(line);
  else if (!isOnce) console.log(JSON.stringify(what));
}

function lineOfJob({ pipeline, status, succeeded, failed, results, isWritten }: EndedJob): string {
  const states = [...(status === 'complete' ? [] : [status]), ...(isWritten ? [] : ['not completely written'])];
  const state = states.length === 0 ? '' : ` (${states.join(', ')})`;
  return `${pipeline}: ${countsOf(succeeded, failed)}${state}: ${shown(results)}`;
}

function lineOfObjects({ pipeline, succeeded, failed }: AnsweredObjects, output: string): string {
  return `${pipeline}: ${countsOf(succeeded, failed)}: ${shown(join(output, pipeline))}/<file>.json`;
}

function countsOf(succeeded: number, failed: number): string {
  return `${succeeded.toLocaleString('en')} succeeded, ${failed.toLocaleString('en')} failed`;
}

function welcome(endpoint: string, { input, output }: LocalOptions): string {
  // One endpoint does for all services, where no other is set.
  const settings = Object.entries(awsEnvironment(endpoint)).filter(([name]) => !name.startsWith('AWS_ENDPOINT_URL_'));
  return [
    `Drop files in ${shown(input)}/<pipeline>/; their results come to ${shown(output)}/<pipeline>/. Ctrl-C ends it.`,
    `S3 and SQS are at ${endpoint}, for the AWS CLI and for fabric status, failures and redrive:`,
    ...settings.map(([name, value]) => `  export ${name}=${value}`),
    `Buckets: s3://${INPUT_BUCKET} and s3://${OUTPUT_BUCKET}.`,
    '',
  ].join('\n');
}
