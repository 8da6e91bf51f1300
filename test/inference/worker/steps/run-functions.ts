import { BundleMeter } from '../../../../lib/inference/worker/bundle-meter.ts';
import type { Step } from '../../../../lib/config/steps.ts';
import { PositionIds } from '../../../../lib/elements/identity.ts';
import { readElement } from '../../../../lib/formats/read-element.ts';
import type { FunctionScope } from '../../../../lib/inference/worker/element-functions.ts';
import { ModelLink } from '../../../../lib/inference/worker/model-link.ts';
import { type Pages, runSteps } from '../../../../lib/inference/worker/steps/run-steps.ts';
import { functionStages, pipelineSteps } from '../../../../lib/inference/stages.ts';
import { WorkItem } from '../../../../lib/inference/worker/work-item.ts';
import { NO_PROGRESS } from '../../no-progress.ts';

const ids = new PositionIds('e');

/** Elements as they are when they have been read, from their values; the first has this ordinal. */
export function itemsOf(values: readonly unknown[], first = 0): WorkItem[] {
  return values.map((value, index) => {
    const text = JSON.stringify(value);
    return new WorkItem(readElement(first + index, JSON.parse(text), text), first + index, ids);
  });
}

export async function* pagesOf(items: readonly WorkItem[], sizes: readonly number[] = [256]): Pages {
  let start = 0;
  for (let page = 0; start < items.length; page += 1) {
    const end = start + (sizes[page % sizes.length] ?? 1);
    yield items.slice(start, end);
    start = end;
  }
}

export const SCOPE: FunctionScope = {
  task: 0,
  progress: NO_PROGRESS,
  timeoutSecs: 10,
  oneByOne: false,
  known: new Map(),
  meter: new BundleMeter(),
};

/** Takes elements through steps of which none has a model, as a worker does. */
export function runFunctions(steps: readonly Step[], pages: Pages, scope: Partial<FunctionScope> = {}): Pages {
  const context = { models: [], stages: functionStages({ steps }), link: new ModelLink(() => {}, []) };
  return runSteps(pages, pipelineSteps({ steps }), { ...context, scope: { ...SCOPE, ...scope } });
}

export async function all(pages: Pages): Promise<WorkItem[]> {
  const items: WorkItem[] = [];
  for await (const page of pages) items.push(...page);
  return items;
}
