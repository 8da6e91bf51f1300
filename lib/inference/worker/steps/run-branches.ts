import type { BranchStep, Step } from '../../../config/steps.ts';
import { applyFunction, type FunctionScope } from '../element-functions.ts';
import { addUsage } from '../../../remote/token-usage.ts';
import { ModelLists } from '../model-lists.ts';
import { checkedBranch, weightedChoice } from './split.ts';
import type { Stage } from '../../stages.ts';
import { UnderWay } from './under-way.ts';
import type { Pages, WorkItem } from '../work-item.ts';

export interface BranchesOptions {
  readonly step: BranchStep;
  readonly split: Stage;
  readonly scope: FunctionScope;
  /** Takes elements through the steps of one branch. */
  readonly run: (name: string, steps: readonly Step[], pages: Pages) => Pages;
}

type Ways = AsyncIterable<readonly Way[]>;

/**
 * Takes elements through their branches. The branches are in a row, like the steps of a sequence, and all run at the same
 * time, on different elements. An element skips the branches that were not chosen for it, and is represented by a child
 * in each chosen one. So the order is kept, the number of waiting elements is bounded as in any sequence, also for a
 * branch that gets few elements, and batches depend only on the bundle.
 *
 * An element that failed in one branch skips the others.
 */
export function runBranches(upstream: Pages, { step, split, scope, run }: BranchesOptions): Pages {
  let ways: Ways = splitPages(upstream, { step, split, scope });
  for (const [name, steps] of Object.entries(step.branches)) {
    ways = throughBranch(ways, name, (pages) => run(name, steps, pages));
  }
  return join(ways);
}

async function* splitPages(
  upstream: Pages,
  { step, split: stage, scope }: Omit<BranchesOptions, 'run'>,
): AsyncGenerator<readonly Way[]> {
  const { branches, split: by } = step;
  const lists = new ModelLists();
  if (typeof by === 'function') {
    for await (const page of upstream) {
      const choices = new Map<WorkItem, string>();
      const take = (item: WorkItem, name: unknown): void => void choices.set(item, checkedBranch(name, branches));
      const pending = applyFunction(page, { ...stage, fn: by, apply: take }, scope);
      if (pending !== undefined) await pending;
      yield page.map((item) => new Way(item, choices.get(item), lists));
    }
    return;
  }
  const weights = Object.keys(branches).map((name) => [name, by === 'all' ? 1 : (by[name] ?? 0)] as const);
  const choose = by === 'all' ? () => undefined : weightedChoice(weights);
  for await (const page of upstream) yield page.map((item) => new Way(item, choose(item.id), lists));
}

async function* throughBranch(ways: Ways, name: string, run: (pages: Pages) => Pages): AsyncGenerator<readonly Way[]> {
  const underWay = new UnderWay<Way>();
  for await (const page of run(enter(ways, name, underWay))) {
    yield page.map((child) => {
      const way = underWay.leave();
      way.leave(name, child);
      return way;
    });
  }
}

async function* enter(ways: Ways, name: string, underWay: UnderWay<Way>): AsyncGenerator<readonly WorkItem[]> {
  for await (const page of ways) {
    underWay.enter(page);
    yield page.map((way) => way.enter(name));
  }
}

async function* join(ways: Ways): AsyncGenerator<readonly WorkItem[]> {
  for await (const page of ways) yield page.map((way) => way.end());
}

/** An element on its way through the branches. */
class Way {
  readonly #item: WorkItem;
  /** The branch that it goes through; undefined where it goes through all. */
  readonly #only: string | undefined;
  readonly #lists: ModelLists;
  /** Results of the branches, by name. */
  readonly #values: Record<string, unknown> = {};

  constructor(item: WorkItem, only: string | undefined, lists: ModelLists) {
    this.#item = item;
    this.#only = only;
    this.#lists = lists;
  }

  /** Returns the child that goes through a branch for it. */
  enter(name: string): WorkItem {
    return this.#goesThrough(name) ? this.#item.forBranch() : this.#item.bystander();
  }

  /** Takes what came out of the branch for it. */
  leave(name: string, child: WorkItem): void {
    const item = this.#item;
    if (child.isMidBatch) item.isMidBatch = true;
    if (!this.#goesThrough(name)) return;
    item.tries += child.tries;
    item.usage = addUsage(item.usage, child.usage);
    item.models = this.#lists.join(item.models, child.models);
    if (child.failure === undefined) this.#values[name] = child.value;
    else item.failure = child.failure;
  }

  /** The element, its value what its branches gave. */
  end(): WorkItem {
    const item = this.#item;
    if (!item.isThrough) item.value = this.#values;
    return item;
  }

  #goesThrough(name: string): boolean {
    return !this.#item.isThrough && (this.#only === undefined || this.#only === name);
  }
}
