import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { type Compute, lambdaCores } from '../../lib/config/compute.ts';
import { loadConfig, pipelineNamed } from '../../lib/config/load-config.ts';
import { asksEndpoints } from '../../lib/config/pipeline-models.ts';
import { PRICES, PRICES_OF, pricesWith } from './costs/prices.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { findInputs } from '../../lib/jobs/run/find-inputs.ts';
import { rejectedAmong } from '../../lib/jobs/run/reject-input.ts';
import { InputError, type RunInput } from '../../lib/jobs/run/run-input.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { findConfig } from '../find-config.ts';
import { terminalWidth } from '../format/text.ts';
import { ProgressBar } from '../progress-bar.ts';
import { describeRejected } from '../describe-rejected.ts';
import { logLine } from '../log-line.ts';
import { reserveStdout } from '../reserve-stdout.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { exitStatusOf } from '../exit-status-of.ts';
import { estimate, type EstimateFacts } from './estimate.ts';
import { estimateReport } from './estimate-report.ts';
import { runSample } from './run-sample.ts';
import { sampleInput } from './sample-input.ts';
import { between, readMeters } from './work-meter.ts';

export interface EstimateOptions {
  readonly config?: string;
  readonly workers?: number;
  readonly limit?: number;
  /** Seconds of work to measure. */
  readonly sampleSecs: number;
  /** A JSON file of prices. */
  readonly prices?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Width of the report where standard output is not a terminal. */
const COLUMNS = 80;

/** `fabric run --estimate`. */
export function estimateCommand(name: string, args: readonly string[], options: EstimateOptions): Promise<ExitStatus> {
  return exitStatusOf((signal) => estimateRun({ name, args, options, signal }), {
    interrupted: 'nothing was written',
    verbose: options.verbose,
  });
}

interface EstimateRequest {
  readonly name: string;
  readonly args: readonly string[];
  readonly options: EstimateOptions;
  readonly signal: AbortSignal;
}

async function estimateRun({ name, args, options, signal }: EstimateRequest): Promise<ExitStatus> {
  using stdout = reserveStdout(options.json === true);
  const configUrl = findConfig(options.config);
  const pipeline = pipelineNamed(await loadConfig(configUrl), name);
  const prices = await readPrices(options.prices);
  const inputs = runnableInputs(await findInputs(args, pipeline.input.format));
  const cores = options.workers ?? Math.min(availableParallelism(), engineCores(pipeline.compute));

  const started = readMeters(0);
  await using engine = await InferenceEngine.start({
    configUrl,
    pipeline: name,
    cores,
    onWarning: logLine,
    ...(options.verbose === true ? { onOutput: (line: string) => console.error(line) } : {}),
  });
  await engine.ready({ signal });
  const start = between(started, readMeters(0));
  await using staging = await temporaryFolder('estimate');
  const bar = new ProgressBar(process.stderr);
  const onProgress = (operation: string, share: number): void => bar.prepare(operation, share);
  try {
    const { limit } = options;
    const { path } = staging;
    const input = await sampleInput(inputs, { pipeline, pipelineName: name, limit, staging: path, signal, onProgress });
    const sample = await runSample(input.bundles, engine, {
      secs: options.sampleSecs,
      repeats: !asksEndpoints(pipeline),
      signal,
      onProgress: (share) => onProgress('measuring', share),
    });
    bar.stop();
    const { metrics } = engine;
    const result = estimate({ pipelineName: name, pipeline, input, sample, metrics, cores, start, prices });
    const columns = terminalWidth() ?? COLUMNS;
    stdout.print(options.json === true ? JSON.stringify(result) : estimateReport(result, columns));
    return result.sample.failed > 0 ? EXIT.elementsFailed : EXIT.success;
  } finally {
    bar.stop();
  }
}

/** Returns the inputs that can be read, and names the others on stderr. @throws InputError if no input can be read */
function runnableInputs(inputs: readonly RunInput[]): readonly RunInput[] {
  const rejected = rejectedAmong(inputs);
  for (const input of rejected) logLine(describeRejected(input));
  if (rejected.length === inputs.length) throw new InputError('no input can be read');
  return inputs.filter(({ kind }) => kind !== 'rejected');
}

/** Returns the number of cores of the pipeline's function or task, so that the engine runs as it does there. */
function engineCores(compute: Compute): number {
  return compute.kind === 'container' ? Math.ceil(compute.cpu) : lambdaCores(compute.memoryMb);
}

async function readPrices(path: string | undefined): Promise<EstimateFacts['prices']> {
  const listed = `${PRICES_OF.region} list prices of ${PRICES_OF.date}`;
  if (path === undefined) return { dollars: PRICES, of: listed };
  try {
    return {
      dollars: pricesWith(JSON.parse(await readFile(path, 'utf8'))),
      of: `those in ${path}, otherwise ${listed}`,
    };
  } catch (error) {
    throw new InputError(`the prices in ${path} can't be used: ${(error as Error).message}`, { cause: error });
  }
}
