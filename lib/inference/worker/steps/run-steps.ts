import type { PipelineModel } from '../../../config/pipeline-models.ts';
import type { FlatMapStep, RunInferenceStep, Step } from '../../../config/steps.ts';
import { unwrapHandler } from '../../../models/model-handler.ts';
import { applyFunction, type FunctionScope, type StageFunction } from '../element-functions.ts';
import { runInferenceStage } from '../inference-stage.ts';
import type { EntryPages } from '../row-items.ts';
import { type OutcomePage, RowStage } from '../row-stage.ts';
import type { InferenceStageOptions } from '../single-model-stage.ts';
import type { ModelLink } from '../model-link.ts';
import { runBranches } from './run-branches.ts';
import { runFlatMap } from './run-flat-map.ts';
import { runMapBatches } from './run-map-batches.ts';
import { branchSteps, type FunctionStage, type Stage, stageName, type StepList } from '../../stages.ts';
import type { Pages, WorkItem } from '../work-item.ts';

export type { Pages } from '../work-item.ts';

/** Context in which the steps of a bundle run. */
export interface StepContext {
  readonly models: readonly PipelineModel[];
  readonly stages: readonly FunctionStage[];
  readonly link: ModelLink;
  readonly scope: FunctionScope;
}

/** Takes elements through steps, one after another. Elements go in and come out in input order; none is lost. */
export function runSteps(upstream: Pages, list: StepList, context: StepContext): Pages {
  return runStepsFrom(upstream, { list, index: 0, context });
}

/** Does the same for the step at a place and those after it. */
function runStepsFrom(upstream: Pages, { list, index: start, context }: StepPlace): Pages {
  let pages = upstream;
  for (const [index, step] of list.steps.entries()) {
    if (index < start) continue;
    const place = { list, index, context };
    if (step.kind === 'flatMap') {
      return runFlatMap(pages, {
        step: { ...stageOf('flatMap', place), fn: step.fn },
        scope: context.scope,
        run: (pieces) => runStepsFrom(pieces, { list, index: index + 1, context }),
      });
    }
    pages = runStep(pages, step, place);
  }
  return pages;
}

/** Takes elements whose numbers are packed through a list whose only step is `runInference`. */
export function runRowStage(upstream: EntryPages, list: StepList, context: StepContext): AsyncGenerator<OutcomePage> {
  const [step] = list.steps;
  if (step?.kind !== 'runInference') throw new TypeError('rows go to a model only');
  const options = inferenceOptions(step, { list, index: 0, context });
  return new RowStage(unwrapHandler(step.handler).handler, options).run(upstream);
}

interface StepPlace {
  readonly list: StepList;
  readonly index: number;
  readonly context: StepContext;
}

function runStep(upstream: Pages, step: Exclude<Step, FlatMapStep>, at: StepPlace): Pages {
  const { list, index, context } = at;
  const { scope } = context;
  const stage = (name: string): Stage => stageOf(name, at);
  switch (step.kind) {
    case 'runInference':
      return runInferenceStage(upstream, inferenceOptions(step, at));
    case 'map':
      return runFunction(upstream, { ...stage('map'), fn: step.fn }, scope);
    case 'filter':
      return runFunction(upstream, { ...stage('filter'), fn: step.fn, apply: refuseUnless }, scope);
    case 'mapBatches':
      return runMapBatches(upstream, { ...stage('map'), fn: step.fn, batchSize: step.batchSize }, scope);
    case 'branch':
      return runBranches(upstream, {
        step,
        split: stage('split'),
        scope,
        run: (name, steps, pages) => runSteps(pages, branchSteps(list, index, { name, steps }), context),
      });
  }
}

function inferenceOptions(step: RunInferenceStep, at: StepPlace): InferenceStageOptions {
  const { list, index, context } = at;
  const { link, models, scope } = context;
  const place = `${list.place}[${index}]`;
  return {
    step,
    model: models.findIndex(({ stepPlace }) => stepPlace === place),
    stage: (name) => stageOf(name, at),
    link,
    scope: { ...scope, timeoutSecs: step.timeoutSecs, isOption: true },
    isLast: isLast(at),
  };
}

/** Checks whether the results of a step are the predictions of the pipeline: pieces and branches are put together first. */
function isLast({ list, index }: StepPlace): boolean {
  const { steps, place } = list;
  return place === 'steps' && index === steps.length - 1 && !steps.some(({ kind }) => kind === 'flatMap');
}

function refuseUnless(item: WorkItem, isWanted: unknown): void {
  if (!isWanted) item.refuse();
}

function stageOf(stage: string, { list, index, context }: StepPlace): Stage {
  const name = stageName(list, index, stage);
  return { name, code: context.stages.findIndex((other) => other.name === name) };
}

async function* runFunction(
  upstream: Pages,
  step: StageFunction,
  scope: FunctionScope,
): AsyncGenerator<readonly WorkItem[]> {
  for await (const page of upstream) {
    const pending = applyFunction(page, step, scope);
    if (pending !== undefined) await pending;
    yield page;
  }
}
