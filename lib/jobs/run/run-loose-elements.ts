import type { BundleObject, BundleSummary, OutcomeChunk } from '../../inference/bundle.ts';
import type { InferenceEngine } from '../../inference/engine/engine.ts';
import { locationOf } from '../../stores/open-source.ts';
import { linesOf } from '../../formats/parts/read-lines.ts';
import { inParallel } from '../in-parallel.ts';
import type { ExistingResults } from './open-job-folders.ts';
import { answerHead, answerKey } from '../output-layout.ts';
import type { GroupedFailure } from '../report/failure-groups.ts';
import { foreignFile, looseId } from './foreign-files.ts';
import type { RunInput } from './run-input.ts';
import type { RunOutput } from './run-output.ts';

/** Answers that are looked for at once, which takes requests where they are in S3. */
const LOOKS_AT_ONCE = 16;

/** The answer to an object that is one element by itself. */
export interface LooseResult {
  readonly path: string;
  readonly succeeded: boolean;
  readonly stage: string | undefined;
  /** Failure of the element, if it failed. */
  readonly failure: GroupedFailure | undefined;
  /** The models of its bundle, by what the lines show of them: their full digests. */
  readonly models: BundleSummary['models'];
  /** Tokens that were counted for its bundle; only the first answer of a bundle has them. */
  readonly usage?: BundleSummary['usage'];
}

export interface RunLooseElementsOptions {
  readonly output: RunOutput;
  readonly pipelineName: string;
  readonly existing: ExistingResults;
  readonly limit: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Runs objects that are one element each and belong to no folder: they share bundles, and each is answered by a
 * separate file or object, `<output>/<pipeline>/<name>.json`, which holds its prediction line or its failure line.
 * One that has its answer already is left out, unless that is to be overwritten.
 */
export async function* runLooseElements(
  inputs: readonly RunInput[],
  engine: Pick<InferenceEngine, 'pipeline' | 'process'>,
  options: RunLooseElementsOptions,
): AsyncGenerator<LooseResult> {
  const open = await withoutAnswer(inputs.slice(0, options.limit), options);
  const { bundleElements } = engine.pipeline.input;
  for (let first = 0; first < open.length; first += bundleElements) {
    yield* runBundle(open.slice(first, first + bundleElements), engine, options);
  }
}

async function withoutAnswer(
  inputs: readonly RunInput[],
  options: RunLooseElementsOptions,
): Promise<readonly RunInput[]> {
  const { output, pipelineName, existing } = options;
  const states = await inParallel(inputs, LOOKS_AT_ONCE, async ({ name }) => {
    const key = answerKey(pipelineName, name);
    const state = await output.ownAt(key, answerHead(looseId(name)));
    // It was created after the run began.
    if (state === 'foreign') throw foreignFile(output.shown(key));
    return state;
  });
  return existing === 'overwrite' ? inputs : inputs.filter((_, index) => states[index] === 'absent');
}

async function* runBundle(
  inputs: readonly RunInput[],
  engine: Pick<InferenceEngine, 'pipeline' | 'process'>,
  { output, pipelineName, signal }: RunLooseElementsOptions,
): AsyncGenerator<LooseResult> {
  const ids = new Map(inputs.map((input) => [looseId(input.name), input]));
  const objects = [...ids].map(([id, input]) => bundleObject(id, input));
  const answers: Omit<LooseResult, 'models' | 'usage'>[] = [];
  const answer = async (line: string): Promise<void> => {
    const outcome = JSON.parse(line) as { readonly id: string } & Partial<GroupedFailure>;
    const { id, stage, error } = outcome;
    const input = ids.get(id);
    if (input === undefined) return;
    const key = answerKey(pipelineName, input.name);
    // The bundle has no address: a failure's source is its object.
    const text = stage === undefined ? line : JSON.stringify({ ...outcome, source: locationOf(input) });
    await output.answer(key, `${text}\n`);
    const failure = stage === undefined || error === undefined ? undefined : { id, stage, error };
    answers.push({ path: output.shown(key), succeeded: stage === undefined, stage, failure });
  };
  const bundle = { name: '', source: { kind: 'objects', objects, firstIndex: 0 }, address: {} } as const;
  // As they come: what a run that is ended has answered by then stays.
  const sink = {
    async write({ results, errors }: OutcomeChunk): Promise<void> {
      for (const line of [results, errors].flatMap(linesOf)) await answer(line);
    },
  };
  const { models, usage } = await engine.process(bundle, sink, { signal });
  for (const [index, one] of answers.entries()) yield { ...one, models, usage: index === 0 ? usage : undefined };
}

function bundleObject(id: string, { name, ...input }: RunInput): BundleObject {
  const failure = input.kind === 'element' ? input.failure : undefined;
  return Object.assign(locationOf(input), { id, path: name }, failure === undefined ? {} : { failure });
}
