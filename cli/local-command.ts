import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Fabric } from '../lib/config/fabric.ts';
import { loadConfig } from '../lib/config/load-config.ts';
import { isIn, realPaths } from '../lib/jobs/run/refuse-overlap.ts';
import { InputError, isObjectFormat } from '../lib/jobs/run/run-input.ts';
import { systemReason } from '../lib/stores/system-errors.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { awsEnvironment } from './local/embedded-aws.ts';
import { INPUT_BUCKET, type LocalFabric, OUTPUT_BUCKET, startLocalFabric } from './local/local-fabric.ts';
import { type AnsweredObjects, type EndedJob, LocalReport, shown } from './local/local-report.ts';
import { Mirror } from './local/mirror.ts';
import { stderrTelemetry } from './local/stderr-telemetry.ts';
import { untilInterrupted } from './until-interrupted.ts';
import { expectFile, FolderUploads, watchFolder } from './local/watch-folder.ts';

export interface LocalOptions {
  readonly input: string;
  readonly output: string;
  readonly config: string;
  readonly once?: boolean;
  readonly workers?: number;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `fabric local`: the whole fabric here, until Ctrl-C, which is how it is meant to end; or until the folder is done. */
export function localCommand(options: LocalOptions): Promise<ExitStatus> {
  return untilInterrupted((signal) => local(options, signal), {
    interrupted: 'files that were dropped and not answered are run again from their start by the next run',
    verbose: options.verbose,
  });
}

async function local(options: LocalOptions, signal: AbortSignal): Promise<ExitStatus> {
  const configUrl = pathToFileURL(resolve(options.config));
  const fabric = await loadConfig(configUrl);
  const folders = { input: resolve(options.input), output: resolve(options.output) };
  await refuseNested(folders);
  await makeFolders(folders, Object.keys(fabric.pipelines));
  await using session = await startSession({ ...options, ...folders, configUrl, fabric });
  // Awaited here: the session is over when this function returns.
  return await (options.once === true
    ? once(session, options, signal)
    : serve(session, { ...options, ...folders }, signal));
}

/** A fabric with its two folders. */
interface Session extends AsyncDisposable {
  readonly fabric: LocalFabric;
  readonly uploads: FolderUploads;
  readonly report: LocalReport;
  /** Files that were not uploaded, for whatever reason. */
  readonly refused: ReadonlySet<string>;
  /** Results that could not be written to the folder. */
  readonly unwritten: ReadonlySet<string>;
  /** Resolves when the results folder is as the output bucket. */
  settled(): Promise<void>;
}

interface SessionOptions extends LocalOptions {
  readonly configUrl: URL;
  readonly fabric: Fabric;
}

async function startSession(options: SessionOptions): Promise<Session> {
  const { input, output, configUrl, fabric, workers, verbose = false, json = false, once = false } = options;
  const objectPipelines = Object.entries(fabric.pipelines).filter(([, { input }]) => isObjectFormat(input.format));
  const report = new LocalReport({
    output,
    objectPipelines: new Set(objectPipelines.map(([name]) => name)),
    live: !once,
    onJob: (job) => tell(job, lineOfJob(job), json, once),
    onObjects: (objects) => tell(objects, lineOfObjects(objects, output), json, once),
  });
  const running = await startLocalFabric({
    configUrl,
    fabric,
    telemetry: stderrTelemetry({ verbose }),
    workers,
    ...(verbose ? { onOutput: (line: string) => console.error(line) } : {}),
    onJobEnded: (event) => void mirror.settled().then(() => report.jobEnded(event)),
  });
  const unwritten = new Set<string>();
  const mirror = new Mirror({
    store: running.store,
    bucket: OUTPUT_BUCKET,
    folder: output,
    onMirrored: (key, path) => report.mirrored(key, path),
    onError(key, error) {
      unwritten.add(key);
      console.error(`fabric: ${key} can't be written to ${shown(output)}: ${error.message}`);
    },
  });
  running.onChanged((object) => mirror.objectChanged(object));
  const refused = new Set<string>();
  const uploads = new FolderUploads({
    folder: input,
    pipelines: Object.keys(fabric.pipelines),
    async upload(key, path) {
      await expectFile(path);
      await running.store.put({ bucket: INPUT_BUCKET, key }, { path });
    },
    onStray(path) {
      refused.add(path);
      console.error(`fabric: ${shown(path)} lies in no pipeline's folder: drop it in ${shown(input)}/<pipeline>/`);
    },
    onSkipped: (path) => console.error(`fabric: ${shown(path)} is left out: its name begins with '_' or '.'`),
    onError(path, error) {
      refused.add(path);
      console.error(`fabric: ${shown(path)} can't be uploaded: ${systemReason(error)}`);
    },
  });
  return {
    fabric: running,
    uploads,
    report,
    refused,
    unwritten,
    settled: () => mirror.settled(),
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      await mirror.settled();
      report[Symbol.dispose]();
    },
  };
}

/** Deals with the files that are there now. */
async function once(session: Session, { json }: LocalOptions, signal: AbortSignal): Promise<ExitStatus> {
  const { fabric, uploads, report, refused, unwritten } = session;
  await uploads.addAll();
  await uploads.settled();
  await fabric.idle({ signal });
  await session.settled();
  report.flush();
  const summary = report.summary();
  const parked = await fabric.parked();
  if (json === true) console.log(JSON.stringify(summary));
  if (parked > 0) {
    console.error(
      `fabric: ${parked} message${parked === 1 ? ' was' : 's were'} given up after every try; see above why`,
    );
  }
  const isWhole = summary.jobs.every((job) => job.status === 'complete');
  const isAllThere = refused.size === 0 && unwritten.size === 0;
  if (!isWhole || parked > 0 || summary.rejected > 0 || !isAllThere) return EXIT.failure;
  return summary.failed > 0 ? EXIT.elementsFailed : EXIT.success;
}

/** Deals with files as they are dropped, until it is told to stop. */
async function serve(session: Session, options: LocalOptions, signal: AbortSignal): Promise<ExitStatus> {
  const stopped = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => stopped.resolve(), { once: true });
  if (options.json !== true) console.log(welcome(session.fabric.endpoint, options));
  await using _watcher = await watchFolder(options.input, session.uploads);
  if (!signal.aborted) await stopped.promise;
  session.report.flush();
  return EXIT.success;
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

function lineOfJob({ pipeline, status, succeeded, failed, results }: EndedJob): string {
  const state = status === 'complete' ? '' : ` (${status})`;
  return `${pipeline}: ${counted(succeeded, failed)}${state}: ${shown(results)}`;
}

function lineOfObjects({ pipeline, succeeded, failed }: AnsweredObjects, output: string): string {
  return `${pipeline}: ${counted(succeeded, failed)}: ${shown(join(output, pipeline))}/<file>.json`;
}

function counted(succeeded: number, failed: number): string {
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
