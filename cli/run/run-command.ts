import { loadConfig, pipelineNamed } from '../../lib/config/load-config.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import type { LoadedCopy } from '../../lib/inference/engine/load-notices.ts';
import { findInputs } from '../../lib/jobs/run/find-inputs.ts';
import { openJobFolders, type OpenJobFoldersOptions, refuseExisting } from '../../lib/jobs/run/open-job-folders.ts';
import { openOutput } from '../../lib/jobs/run/open-output.ts';
import { refuseOverlap } from '../../lib/jobs/run/refuse-overlap.ts';
import type { RejectedInput } from '../../lib/jobs/run/reject-input.ts';
import { type LooseResult, runLooseElements } from '../../lib/jobs/run/run-loose-elements.ts';
import type { RunInput } from '../../lib/jobs/run/run-input.ts';
import { type JobResult, runJobs } from '../../lib/jobs/run/run-jobs.ts';
import { removeLeftFolders } from '../../lib/stores/left-files.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { findConfig } from '../find-config.ts';
import { problemsOf } from './job-ends.ts';
import { missingFieldWarner } from '../missing-field-warning.ts';
import { groupRunFailures } from './run-failures.ts';
import { describeRejected } from '../describe-rejected.ts';
import { inferenceSecsOf, type RunFacts, summarize } from './summary.ts';
import { exitStatusOf } from '../exit-status-of.ts';
import { logLine } from '../log-line.ts';
import { reserveStdout } from '../reserve-stdout.ts';
import { RunClock } from './time-spent.ts';

export interface RunOptions {
  readonly output: string;
  readonly config?: string;
  readonly workers?: number;
  readonly limit?: number;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `fabric run`. */
export function runCommand(name: string, args: readonly string[], options: RunOptions): Promise<ExitStatus> {
  return exitStatusOf((signal) => runPipeline({ name, args, options, signal }), {
    interrupted: "committed results are kept; continue with '--resume'",
    verbose: options.verbose,
  });
}

/** A run of one pipeline. */
export interface RunRequest {
  readonly name: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
  readonly signal: AbortSignal;
  /** @default the config that `options` name */
  readonly configUrl?: URL;
}

/** Runs a pipeline on inputs, writes its results, and prints a summary. */
export async function runPipeline({ name, args, options, signal, ...config }: RunRequest): Promise<ExitStatus> {
  const startedAt = performance.now();
  const clock = new RunClock(startedAt);
  using stdout = reserveStdout(options.json === true);
  await removeLeftFolders();
  const configUrl = config.configUrl ?? findConfig(options.config);
  const pipeline = pipelineNamed(await loadConfig(configUrl), name);
  await using output = await openOutput(options.output);
  const inputs = await findInputs(args, pipeline.input.format);
  await refuseOverlap({ args, inputs, pipelineName: name, output });
  const existing = options.overwrite === true ? 'overwrite' : options.resume === true ? 'resume' : 'refuse';
  const jobOptions = { output, pipeline, pipelineName: name, existing, limit: options.limit, signal } as const;
  await refuseExisting(inputs, jobOptions);

  await using engine = await startEngine(configUrl, name, options);
  // Loaded while the model loads, as is the progress bar.
  const reporting = import('./summary-table.ts');
  // Nothing is written before it is certain that the models can run.
  await engine.ready({ signal });
  await using _lock = await output.lock(name);
  // Another run may have written here until now.
  await refuseExisting(inputs, jobOptions);

  const finished = await runInputs(inputs, engine, { ...jobOptions, clock });
  const { results, loose, rejected } = finished;
  const elapsedMillis = performance.now() - startedAt;
  const summary = summarize({
    ...finished,
    pipeline: name,
    output: output.address,
    metrics: engine.metrics,
    failures: await groupRunFailures(results, loose, signal),
    elapsedMillis,
    clock,
  });
  for (const problem of problemsOf(results)) logLine(problem);
  const { summaryTable } = await reporting;
  stdout.print(options.json === true ? JSON.stringify(summary) : summaryTable(summary));
  if (summary.stopped + summary.incomplete + rejected.length > 0) return EXIT.failure;
  return summary.failed > 0 ? EXIT.elementsFailed : EXIT.success;
}

function startEngine(configUrl: URL, pipeline: string, { workers, verbose }: RunOptions): Promise<InferenceEngine> {
  return InferenceEngine.start({
    configUrl,
    pipeline,
    ...(workers === undefined ? {} : { workers }),
    onWarning: logLine,
    onMissingField: missingFieldWarner(logLine),
    ...(verbose === true ? { onOutput: (line: string) => console.error(line), onModelLoaded: logLoaded } : {}),
  });
}

/** Runs all inputs, with a progress bar on a terminal. Inputs that can't be run are printed, also after an error. */
async function runInputs(
  inputs: readonly RunInput[],
  engine: InferenceEngine,
  options: OpenJobFoldersOptions & Pick<RunFacts, 'clock'>,
): Promise<Pick<RunFacts, 'results' | 'loose' | 'rejected' | 'resumed'>> {
  const { ProgressBar } = await import('../progress-bar.ts');
  const bar = new ProgressBar(process.stderr);
  const results: JobResult[] = [];
  const loose: LooseResult[] = [];
  const rejected: RejectedInput[] = [];
  let resumed = 0;
  try {
    const jobs = openJobFolders(inputs, {
      ...options,
      onGrouping: (input, share) => bar.prepare(`grouping ${input} by key`, share),
      onNotice: logLine,
      onRejected: (input) => void rejected.push(input),
    });
    for await (const result of runJobs(jobs, engine, {
      signal: options.signal,
      onJob: (job) => bar.expect(job.of),
      onOutcomes: (chunk) => {
        options.clock.begin(inferenceSecsOf(engine.metrics));
        bar.add(chunk.elements, chunk.elements - chunk.succeeded);
      },
      onPart: (note, wasThere) => {
        if (wasThere) resumed += note.elements;
        bar.addPart(note, wasThere);
      },
    })) {
      results.push(result);
    }
    const elementInputs = inputs.filter((input) => input.kind === 'element');
    for await (const result of runLooseElements(elementInputs, engine, options)) {
      options.clock.begin(inferenceSecsOf(engine.metrics));
      loose.push(result);
      bar.add(1, result.succeeded ? 0 : 1);
    }
  } finally {
    bar.stop();
    for (const input of rejected) logLine(describeRejected(input));
  }
  return { results, loose, rejected, resumed };
}

function logLoaded({ place, model, providers, loadMillis }: LoadedCopy): void {
  const where = providers === undefined ? '' : ` on ${providers.join(' and ')}`;
  logLine(`the model ${model} of ${place} was loaded${where} in ${Math.round(loadMillis)} ms`);
}
