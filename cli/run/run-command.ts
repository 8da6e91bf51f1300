import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadConfig, pipelineNamed } from '../../lib/config/load-config.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import type { LoadedCopy } from '../../lib/inference/engine/model-service.ts';
import { findInputs } from '../../lib/jobs/run/find-inputs.ts';
import { openJobFolders, refuseExisting } from '../../lib/jobs/run/open-job-folders.ts';
import { openOutput } from '../../lib/jobs/run/open-output.ts';
import { refuseOverlap } from '../../lib/jobs/run/refuse-overlap.ts';
import type { RejectedInput } from '../../lib/jobs/run/reject-input.ts';
import { type LooseResult, runLooseElements } from '../../lib/jobs/run/run-loose-elements.ts';
import { type JobResult, runJobs } from '../../lib/jobs/run/run-jobs.ts';
import { removeLeftFolders } from '../../lib/stores/left-files.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { problemsOf } from './job-ends.ts';
import { missingFieldWarner } from '../missing-field-warning.ts';
import { ProgressBar } from '../progress-bar.ts';
import { groupRunFailures } from './run-failures.ts';
import { describeRejected, summarize, summaryTable } from './summary.ts';
import { untilInterrupted } from '../exit-status-of.ts';

export interface RunOptions {
  readonly output: string;
  readonly config: string;
  readonly workers?: number;
  readonly limit?: number;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `fabric run`. */
export function runCommand(name: string, args: readonly string[], options: RunOptions): Promise<ExitStatus> {
  return untilInterrupted((signal) => run(name, args, options, signal), {
    interrupted: "what is committed stays: '--resume' goes on from there",
    verbose: options.verbose,
  });
}

async function run(
  name: string,
  args: readonly string[],
  options: RunOptions,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const startedAt = performance.now();
  await removeLeftFolders();
  const configUrl = pathToFileURL(resolve(options.config));
  const pipeline = pipelineNamed(await loadConfig(configUrl), name);
  await using output = await openOutput(options.output);
  const inputs = await findInputs(args, pipeline.input.format);
  await refuseOverlap({ args, inputs, pipelineName: name, output });
  const existing = options.overwrite === true ? 'overwrite' : options.resume === true ? 'resume' : 'refuse';
  const jobOptions = { output, pipeline, pipelineName: name, existing, limit: options.limit, signal } as const;
  await refuseExisting(inputs, jobOptions);

  await using engine = await InferenceEngine.start({
    configUrl,
    pipeline: name,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    onWarning: say,
    onMissingField: missingFieldWarner(console.error),
    ...(options.verbose === true ? { onOutput: (line: string) => console.error(line), onModelLoaded: sayLoaded } : {}),
  });
  // Nothing is written before it is sure that the models can be run.
  await engine.ready({ signal });
  await using _lock = await output.lock(name);
  // Another run may have been at work here until now.
  await refuseExisting(inputs, jobOptions);

  const bar = new ProgressBar(process.stderr);
  const onGrouping = (input: string, share: number): void => bar.prepare(`grouping ${input} by key`, share);
  const rejected: RejectedInput[] = [];
  const onRejected = (input: RejectedInput): void => void rejected.push(input);
  const results: JobResult[] = [];
  const loose: LooseResult[] = [];
  let resumed = 0;
  const elementInputs = inputs.filter((input) => input.kind === 'element');
  try {
    const jobs = openJobFolders(inputs, { ...jobOptions, onGrouping, onNotice: say, onRejected });
    for await (const result of runJobs(jobs, engine, {
      signal,
      onJob: (job) => bar.expect(job.of),
      onOutcomes: (chunk) => bar.add(chunk.elements, chunk.elements - chunk.succeeded),
      onPart: (note, wasThere) => {
        if (wasThere) resumed += note.elements;
        bar.addPart(note, wasThere);
      },
    })) {
      results.push(result);
    }
    for await (const result of runLooseElements(elementInputs, engine, jobOptions)) {
      loose.push(result);
      bar.add(1, result.succeeded ? 0 : 1);
    }
  } finally {
    bar.stop();
    sayRejected(rejected);
  }
  const elapsedMillis = performance.now() - startedAt;
  const summary = summarize({
    pipeline: name,
    output: output.address,
    results,
    loose,
    rejected,
    resumed,
    metrics: engine.metrics,
    failures: await groupRunFailures(results, loose, signal),
    elapsedMillis,
  });
  for (const problem of problemsOf(results)) say(problem);
  if (options.json === true) console.log(JSON.stringify(summary));
  else console.log(summaryTable(summary));
  if (summary.stopped + summary.incomplete + rejected.length > 0) return EXIT.failure;
  return summary.failed > 0 ? EXIT.elementsFailed : EXIT.success;
}

function say(message: string): void {
  console.error(`fabric: ${message}`);
}

function sayLoaded({ place, model, providers, loadMillis }: LoadedCopy): void {
  const where = providers === undefined ? '' : ` on ${providers.join(' and ')}`;
  console.error(`fabric: the model ${model} of ${place} was loaded${where} in ${Math.round(loadMillis)} ms`);
}

/** Prints a line on stderr for each input that can't be run. */
function sayRejected(rejected: readonly RejectedInput[]): void {
  for (const input of rejected) console.error(`fabric: ${describeRejected(input)}`);
}
