import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleSummary } from '../inference/bundle.ts';
import type { InferenceEngine } from '../inference/engine.ts';
import { writeAtomically } from '../stores/atomic-file.ts';
import type { LocalInput } from './local-inputs.ts';
import type { ExistingResults } from './open-job-folders.ts';

/** The answer to an object that is one element by itself. */
export interface LooseResult {
  readonly path: string;
  readonly succeeded: boolean;
  readonly stage: string | undefined;
  /** The models of its bundle, by what the lines show of them: their full digests. */
  readonly models: BundleSummary['models'];
}

export interface RunLooseElementsOptions {
  readonly output: string;
  readonly pipelineName: string;
  readonly existing: ExistingResults;
  readonly limit: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Runs objects that are one element each and belong to no folder: they share bundles, and each is answered by one
 * file of its own, `<output>/<pipeline>/<name>.json`, which holds its prediction line or its failure line.
 * One that has its answer already is left out, unless that is to be overwritten.
 */
export async function* runLooseElements(
  inputs: readonly LocalInput[],
  engine: InferenceEngine,
  options: RunLooseElementsOptions,
): AsyncGenerator<LooseResult> {
  const open = await withoutAnswer(inputs.slice(0, options.limit), options);
  const { bundleElements } = engine.pipeline.input;
  for (let first = 0; first < open.length; first += bundleElements) {
    yield* runBundle(open.slice(first, first + bundleElements), engine, options);
  }
}

async function withoutAnswer(
  inputs: readonly LocalInput[],
  options: RunLooseElementsOptions,
): Promise<readonly LocalInput[]> {
  const open: LocalInput[] = [];
  for (const input of inputs) {
    const path = answerPath(input, options);
    const answered = await access(path).then(
      () => true,
      () => false,
    );
    if (!answered || options.existing === 'overwrite') open.push(input);
  }
  return open;
}

function answerPath({ name }: LocalInput, { output, pipelineName }: RunLooseElementsOptions): string {
  return join(output, pipelineName, `${name}.json`);
}

async function* runBundle(
  inputs: readonly LocalInput[],
  engine: InferenceEngine,
  options: RunLooseElementsOptions,
): AsyncGenerator<LooseResult> {
  const ids = new Map(inputs.map((input) => [`${input.name}#0`, input]));
  const objects = [...ids].map(([id, { path }]) => ({ uri: path, id }));
  const lines: string[] = [];
  const summary = engine.process(
    { name: '', source: { kind: 'objects', objects, firstIndex: 0 }, address: {} },
    {
      write: ({ results, errors }) => {
        for (const bytes of [results, errors])
          lines.push(...Buffer.from(bytes).toString('utf8').split('\n').filter(Boolean));
      },
    },
    { signal: options.signal },
  );
  const { models } = await summary;
  for (const line of lines) {
    const outcome = JSON.parse(line) as { readonly id: string; readonly stage?: string };
    const input = ids.get(outcome.id);
    if (input === undefined) continue;
    const path = answerPath(input, options);
    // The bundle has no address of its own: a failure's source is its object.
    const answer = outcome.stage === undefined ? line : JSON.stringify({ ...outcome, source: { uri: input.path } });
    await writeAtomically(path, `${answer}\n`);
    yield { path, succeeded: outcome.stage === undefined, stage: outcome.stage, models };
  }
}
