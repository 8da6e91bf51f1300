import type { PipelineModel } from '../../../config/pipeline-models.ts';
import type { FlatMapStep, Step } from '../../../config/steps.ts';
import { applyFunction, type FunctionScope, type StageFunction } from '../element-functions.ts';
import { runInferenceStage } from '../inference-stage.ts';
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
  return runStepsFrom(0, upstream, list, context);
}

/** The same for the steps from the one at an index on. */
function runStepsFrom(start: number, upstream: Pages, list: StepList, context: StepContext): Pages {
  let pages = upstream;
  for (const [index, step] of list.steps.entries()) {
    if (index < start) continue;
    if (step.kind === 'flatMap') {
      return runFlatMap(pages, {
        step: { ...stageOf(list, index, 'flatMap', context), fn: step.fn },
        scope: context.scope,
        run: (pieces) => runStepsFrom(index + 1, pieces, list, context),
      });
    }
    pages = runStep(pages, step, { list, index, context });
  }
  return pages;
}

interface StepPlace {
  readonly list: StepList;
  readonly index: number;
  readonly context: StepContext;
}

function runStep(upstream: Pages, step: Exclude<Step, FlatMapStep>, { list, index, context }: StepPlace): Pages {
  const { link, models, scope } = context;
  const stage = (name: string): Stage => stageOf(list, index, name, context);
  switch (step.kind) {
    case 'runInference': {
      const place = `${list.place}[${index}]`;
      const model = models.findIndex(({ stepPlace }) => stepPlace === place);
      const own = { ...scope, timeoutSecs: step.timeoutSecs, isOption: true };
      return runInferenceStage(upstream, { step, model, stage, link, scope: own });
    }
    case 'map':
      return runFunction(upstream, { ...stage('map'), fn: step.fn }, scope);
    case 'filter':
      return runFunction(upstream, { ...stage('filter'), fn: step.fn, take: refuseUnless }, scope);
    case 'mapBatches':
      return runMapBatches(upstream, { ...stage('map'), fn: step.fn, batchSize: step.batchSize }, scope);
    case 'branch':
      return runBranches(upstream, {
        step,
        split: stage('split'),
        scope,
        run: (name, steps, pages) => runSteps(pages, branchSteps(list, index, name, steps), context),
      });
  }
}

function refuseUnless(item: WorkItem, isWanted: unknown): void {
  if (!isWanted) item.refuse();
}

function stageOf(list: StepList, index: number, stage: string, { stages }: StepContext): Stage {
  const name = stageName(list, index, stage);
  return { name, code: stages.findIndex((other) => other.name === name) };
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
