import type { Fabric } from '../../lib/config/fabric.ts';
import { formatOf } from '../../lib/formats/registry.ts';
import { findJob } from '../../lib/jobs/job-record.ts';
import { FailureGroups } from '../../lib/jobs/report/failure-groups.ts';
import { addJobFailures } from '../../lib/jobs/report/read-failure-groups.ts';
import { systemReason } from '../../lib/stores/system-errors.ts';
import { INPUT_BUCKET, type LocalFabric, OUTPUT_BUCKET, startLocalFabric } from './local-fabric.ts';
import { shownPath } from '../format/text.ts';
import { logLine } from '../log-line.ts';
import { type AnsweredObjects, type EndedJob, folderOf, LocalReport } from './local-report.ts';
import { expectRoom } from './memory-room.ts';
import { Mirror, type Unwritten } from './mirror.ts';
import { stderrTelemetry } from './stderr-telemetry.ts';
import { describeUnwritten } from './unwritten.ts';
import { FolderUploads } from './watch-folder.ts';

export interface SessionOptions {
  /** Folder that files are dropped in, and folder for the results. */
  readonly input: string;
  readonly output: string;
  readonly configUrl: URL;
  readonly fabric: Fabric;
  readonly workers?: number | undefined;
  readonly verbose?: boolean | undefined;
  /** True if answers are reported as they come. */
  readonly live: boolean;
  readonly onJob: (job: EndedJob) => void;
  readonly onObjects: (objects: AnsweredObjects) => void;
}

/** A local fabric with its two folders. All problems are reported on standard error. */
export interface Session extends AsyncDisposable {
  readonly fabric: LocalFabric;
  readonly uploads: FolderUploads;
  readonly report: LocalReport;
  /** Files that were not uploaded, for any reason. */
  readonly refused: ReadonlySet<string>;
  /** Jobs and single objects whose results can't all be written. */
  readonly unwritten: () => readonly Unwritten[];
  /** Object keys that were uploaded and have no results. */
  readonly unanswered: () => readonly string[];
  /** Resolves when the results folder equals the output bucket, except for files that can't be written, and all jobs are reported. */
  settled(): Promise<void>;
}

export async function startSession(options: SessionOptions): Promise<Session> {
  const { output, configUrl, fabric, workers, verbose = false } = options;
  const report = reportOf(options);
  const running = await startLocalFabric({
    configUrl,
    fabric,
    telemetry: stderrTelemetry({ verbose }),
    workers,
    ...(verbose ? { onOutput: (line: string) => console.error(line) } : {}),
    onJobEnded: (event) =>
      mirror.afterChanges(() => {
        report.jobEnded(event, { isWritten: !mirror.hasFailed(folderOf(event.manifest)) });
      }),
  });
  const mirror = new Mirror({
    store: running.store,
    bucket: OUTPUT_BUCKET,
    folder: output,
    onMirrored: (key, path) => report.mirrored(key, path),
    onError: (key, error) => logLine(describeUnwritten(key, error, shownPath(output))),
    onRecovered(name) {
      logLine(`${name} is completely written now`);
      report.recovered(name);
    },
  });
  running.onChanged((object) => mirror.objectChanged(object));
  const uploaded = new Set<string>();
  const { uploads, refused } = uploadsOf(options, async (key, path) => {
    await expectRoom(path);
    await running.store.put({ bucket: INPUT_BUCKET, key }, { path });
    uploaded.add(key);
  });
  return {
    fabric: running,
    uploads,
    report,
    refused,
    unwritten: () => mirror.unwritten,
    unanswered() {
      const unwritten = mirror.unwritten;
      return report.withoutResults(uploaded).filter((key) => !unwritten.some(({ name }) => name.startsWith(key)));
    },
    settled: () => mirror.settled(),
    async [Symbol.asyncDispose]() {
      uploads.stop();
      await running[Symbol.asyncDispose]();
      await mirror.settled();
      report[Symbol.dispose]();
    },
  };
}

/** Groups the failures of all jobs that ended, and of single objects, by reason. */
export async function groupFailures({ fabric: { store }, report }: Session): Promise<FailureGroups> {
  const groups = new FailureGroups();
  const output = { store, bucket: OUTPUT_BUCKET };
  for (const [job, { ended }] of report.jobs) {
    const recorded = ended.failed === 0 ? undefined : await findJob({ pipeline: ended.pipeline, id: job }, output);
    if (recorded !== undefined) await addJobFailures(groups, recorded, output);
  }
  for (const failure of report.failures) groups.add(failure);
  return groups;
}

function reportOf({ output, fabric, live, onJob, onObjects }: SessionOptions): LocalReport {
  const objectPipelines = Object.entries(fabric.pipelines).filter(
    ([, { input }]) => formatOf(input.format).holds === 'one',
  );
  return new LocalReport({
    output,
    objectPipelines: new Set(objectPipelines.map(([name]) => name)),
    live,
    onJob,
    onObjects,
  });
}

function uploadsOf(
  { input, fabric }: SessionOptions,
  upload: (key: string, path: string) => Promise<void>,
): Pick<Session, 'uploads' | 'refused'> {
  const refused = new Set<string>();
  const refuse = (path: string, reason: string): void => {
    refused.add(path);
    logLine(`${shownPath(path)} ${reason}`);
  };
  const uploads = new FolderUploads({
    folder: input,
    pipelines: Object.keys(fabric.pipelines),
    upload,
    onStray: (path) => refuse(path, `is not in a pipeline's folder: move it to ${shownPath(input)}/<pipeline>/`),
    onSkipped: (path) => logLine(`${shownPath(path)} is skipped: its name begins with '_' or '.'`),
    onOdd: (path, reason) => refuse(path, `is skipped: ${reason}`),
    onError: (path, error) => refuse(path, `can't be uploaded: ${systemReason(error)}`),
  });
  return { uploads, refused };
}
