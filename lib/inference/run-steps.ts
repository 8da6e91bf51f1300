import type { PipelineModel } from '../config/pipeline-models.ts';
import { applyFunction, type FunctionScope, type StageFunction } from './element-functions.ts';
import { runInferenceStage } from './inference-stage.ts';
import type { ModelLink } from './model-link.ts';
import { type FunctionStage, type Stage, stageName, type StepList } from './stages.ts';
import type { WorkItem } from './work-item.ts';

/** A bundle's elements in input order, some at a time. */
export type Pages = AsyncIterable<readonly WorkItem[]>;

/** What the steps of a bundle run with. */
export interface StepContext {
  readonly models: readonly PipelineModel[];
  readonly stages: readonly FunctionStage[];
  readonly link: ModelLink;
  readonly scope: FunctionScope;
}

/** Takes elements through steps, one after another. Elements go in and come out in input order; none is lost. */
export function runSteps(upstream: Pages, list: StepList, context: StepContext): Pages {
  return list.steps.reduce((pages, _, index) => runStep(pages, list, index, context), upstream);
}

function runStep(upstream: Pages, list: StepList, index: number, context: StepContext): Pages {
  const step = list.steps[index];
  if (step === undefined) return upstream;
  const stage = (name: string): Stage => stageOf(list, index, name, context);
  switch (step.kind) {
    case 'runInference': {
      const place = `${list.place}[${index}]`;
      const model = context.models.findIndex(({ stepPlace }) => stepPlace === place);
      const { link, scope } = context;
      return runInferenceStage(upstream, {
        step,
        model,
        stage,
        link,
        scope: { ...scope, timeoutSecs: step.timeoutSecs },
      });
    }
    case 'map':
      return mapPages(upstream, { ...stage('map'), fn: step.fn }, context.scope);
    case 'mapBatches':
    case 'filter':
    case 'flatMap':
    case 'branch':
      throw new TypeError(`${step.kind} is not built`);
  }
}

function stageOf(list: StepList, index: number, stage: string, { stages }: StepContext): Stage {
  const name = stageName(list, index, stage);
  return { name, code: stages.findIndex((other) => other.name === name) };
}

async function* mapPages(
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
