import type { RunInferenceStep } from '../../config/steps.ts';
import { ConfigError } from '../../errors.ts';
import { type ModelHandler, unwrapHandler } from '../../models/model-handler.ts';
import { BatchRunner, type BatchRunnerOptions } from './batch-runner.ts';
import { applyFunction, type FunctionScope, type StageFunction } from './element-functions.ts';
import type { ModelLink } from './model-link.ts';
import { OrderedWindow } from './ordered-window.ts';
import type { Stage } from '../stages.ts';
import type { WorkItem } from './work-item.ts';

export interface InferenceStageOptions {
  readonly step: RunInferenceStep;
  /** The place of the step's model among the pipeline's; those of a keyed step follow it. */
  readonly model: number;
  /** One of the step's stages: `inference`, `preprocess[0]`, `load`. */
  readonly stage: (name: string) => Stage;
  /** True if its results are the predictions of the pipeline. @default false */
  readonly isLast?: boolean;
  readonly link: ModelLink;
  readonly scope: FunctionScope;
}

/** Stages of a list of functions. */
interface FunctionStages extends Pick<InferenceStageOptions, 'stage'> {
  /** Number in the name of the first function's stage. @default 0 */
  readonly first?: number;
}

/** Returns functions with their stages, whose names count up from a number. */
export function stagedFunctions(
  kind: 'preprocess' | 'postprocess',
  fns: readonly StageFunction['fn'][],
  { stage, first = 0 }: FunctionStages,
): readonly StageFunction[] {
  return fns.map((fn, index) => ({ ...stage(`${kind}[${first + index}]`), fn }));
}

/** One `runInference` step of one bundle, in a worker, where one model takes all elements as they come. */
export class SingleModelStage {
  readonly #options: InferenceStageOptions;
  readonly #handler: ModelHandler;
  readonly #preprocess: readonly StageFunction[];
  readonly #postprocess: readonly StageFunction[];
  readonly #window = new OrderedWindow();

  constructor(handler: ModelHandler, options: InferenceStageOptions) {
    this.#options = options;
    this.#handler = handler;
    const { preprocessFns, postprocessFns } = unwrapHandler(options.step.handler);
    this.#preprocess = stagedFunctions('preprocess', preprocessFns, options);
    this.#postprocess = stagedFunctions('postprocess', postprocessFns, options);
  }

  async *run(upstream: AsyncIterable<readonly WorkItem[]>): AsyncGenerator<readonly WorkItem[]> {
    for await (const page of this.#window.pages(this.#pump(upstream))) {
      await this.#apply(page, this.#postprocess);
      yield page;
    }
  }

  async #pump(upstream: AsyncIterable<readonly WorkItem[]>): Promise<void> {
    let runner: BatchRunner | undefined;
    for await (const page of upstream) {
      await this.#apply(page, this.#preprocess);
      runner ??= await this.#openRunner();
      const slots = page.map((item) => this.#window.enter(item));
      await runner.load(slots);
      for (let next = 0; next < slots.length; await runner.room()) next = runner.addUntilSubmitted(slots, next);
    }
    await runner?.flush();
    this.#window.end();
  }

  async #apply(page: readonly WorkItem[], fns: readonly StageFunction[]): Promise<void> {
    for (const fn of fns) {
      const pending = applyFunction(page, fn, this.#options.scope);
      if (pending !== undefined) await pending;
    }
  }

  #openRunner(): Promise<BatchRunner> {
    const { scope, isLast = false } = this.#options;
    const writesJson = isLast && this.#postprocess.length === 0 && !scope.oneByOne;
    return openRunner(this.#handler, this.#options, { window: this.#window, writesJson });
  }
}

/**
 * Waits for the one model of a step, and makes the runner of its batches.
 *
 * @throws ModelLoadError; ConfigError where the model has no input for an argument of the step.
 */
export async function openRunner(
  handler: ModelHandler,
  { step, model, stage, link, scope }: InferenceStageOptions,
  { window, writesJson }: Pick<BatchRunnerOptions, 'window' | 'writesJson'>,
): Promise<BatchRunner> {
  const info = await scope.meter.loaded(link.model(model));
  const runner = new BatchRunner({
    step,
    stage: stage('inference'),
    link,
    scope,
    window,
    marksMidBatch: true,
    ...(writesJson === undefined ? {} : { writesJson }),
  });
  await runner.addModel(0, { handler, model, info });
  try {
    if (step.inferenceArgs !== undefined) runner.checkArgs(step.inferenceArgs);
  } catch (error) {
    throw new ConfigError(`the step's ${(error as Error).message}`, { cause: error });
  }
  return runner;
}
