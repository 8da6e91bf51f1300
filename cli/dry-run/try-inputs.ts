import type { Bundle } from '../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { describeError } from '../../lib/errors.ts';
import { linesOf } from '../../lib/formats/parts/read-lines.ts';
import { FailureGroups } from '../../lib/jobs/report/failure-groups.ts';
import { rejectedAmong, type RejectedInput } from '../../lib/jobs/run/reject-input.ts';
import type { RunInput } from '../../lib/jobs/run/run-input.ts';
import { looseBundles, planBundles, type PlanBundlesOptions } from '../estimate/plan-bundles.ts';
import { SeenOutcomes } from '../estimate/seen-outcomes.ts';

/** Number of elements that are tried of each input. */
const MAX_ELEMENTS = 10;
/** Number of inputs whose elements are tried: enough to see what is wrong with a folder of many files. */
const MAX_INPUTS = 100;

/** Outcomes of the first elements of the inputs; they are not written anywhere. */
export interface Tried {
  readonly seen: SeenOutcomes;
  readonly failures: FailureGroups;
  /** Number of inputs whose elements were tried. */
  readonly inputs: number;
  /** Inputs that can't be run at all. */
  readonly unreadable: readonly RejectedInput[];
}

/** Runs the first elements of each input through the whole pipeline. @throws errors that are not one input's fault */
export async function tryInputs(
  inputs: readonly RunInput[],
  engine: Pick<InferenceEngine, 'process'>,
  options: PlanBundlesOptions,
): Promise<Tried> {
  const { pipeline, signal } = options;
  const limit = Math.min(options.limit ?? MAX_ELEMENTS, MAX_ELEMENTS);
  const seen = new SeenOutcomes();
  const failures = new FailureGroups();
  const rejected = rejectedAmong(inputs);
  const unreadable = [...rejected];
  const run = async (bundles: readonly Bundle[]): Promise<void> => {
    for (const bundle of bundles) {
      await engine.process(
        bundle,
        {
          write(chunk) {
            seen.add(chunk);
            for (const line of linesOf(chunk.errors)) failures.addLine(line);
          },
        },
        { signal },
      );
    }
  };
  const loose = inputs.filter(({ kind }) => kind === 'element').slice(0, limit);
  const others = inputs.filter(({ kind }) => kind === 'object' || kind === 'folder').slice(0, MAX_INPUTS);
  for (const [index, input] of others.entries()) {
    options.onProgress('trying', index / others.length);
    const bundles = await planBundles(input, { ...options, limit }).then(
      (planned) => planned.bundles,
      (error: unknown) => {
        signal.throwIfAborted();
        unreadable.push({ input: input.uri, reason: describeError(error).message });
        return [];
      },
    );
    await run(bundles);
  }
  await run(looseBundles(loose, pipeline));
  return { seen, failures, inputs: loose.length + others.length + rejected.length - unreadable.length, unreadable };
}
