import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { branch, filter, flatMap, map, mapBatches, type Step } from '../../../../lib/config/steps.ts';
import { branchSteps, pipelineSteps, type StepList, stageName } from '../../../../lib/inference/stages.ts';
import { weightedChoice } from '../../../../lib/inference/worker/steps/split.ts';
import type { WorkItem } from '../../../../lib/inference/worker/work-item.ts';
import { all, itemsOf, pagesOf, runFunctions } from './run-functions.ts';

/** A number for any value, so that every step can follow every other. */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return Buffer.from(JSON.stringify(value)).reduce((sum, byte) => (sum * 31 + byte) % 1009, 7);
}

class OddError extends Error {}

function odd(): never {
  throw new OddError('odd');
}

/** What a step does with one value; the functions of the steps and those who check them use the same. */
const added = (by: number) => (value: unknown) => (numberOf(value) % 7 === by ? odd() : numberOf(value) + by);
const isWanted = (by: number) => (value: unknown) => numberOf(value) % 3 !== by % 3;
const piecesOf = (by: number) => (value: unknown) =>
  numberOf(value) % 13 === by ? odd() : Array.from({ length: numberOf(value) % (by + 1) }, (_, n) => n + by);
const branchOf = (by: number) => (value: unknown) => (numberOf(value) % 5 === by ? 'c' : 'ab'[numberOf(value) % 2]);

type Plan =
  | { readonly kind: 'map' | 'mapBatches' | 'filter' | 'flatMap'; readonly by: number; readonly later: boolean }
  | {
      readonly kind: 'branch';
      readonly branches: Readonly<Record<'a' | 'b', readonly Plan[]>>;
      readonly split: 'all' | number | { readonly a: number; readonly b: number };
    };

const by = fc.integer({ min: 0, max: 6 });
const { plans } = fc.letrec<{ readonly plans: readonly Plan[]; readonly plan: Plan }>((tie) => ({
  plans: fc.array(tie('plan'), { minLength: 1, maxLength: 4 }),
  plan: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'steps' },
    fc.record({
      kind: fc.constantFrom('map', 'mapBatches', 'filter', 'flatMap'),
      by,
      later: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('branch'),
      branches: fc.record({ a: tie('plans'), b: tie('plans') }),
      split: fc.oneof(fc.constant('all' as const), by, fc.constant({ a: 2, b: 1 })),
    }),
  ),
}));

function stepOf(plan: Plan): Step {
  if (plan.kind === 'branch') {
    const { branches, split } = plan;
    const steps = { a: branches.a.map(stepOf), b: branches.b.map(stepOf) };
    return branch(steps, { split: typeof split === 'number' ? (branchOf(split) as () => string) : split });
  }
  const each = <To>(fn: (value: unknown) => To): ((value: unknown) => To | Promise<To>) =>
    plan.later ? async (value) => fn(value) : fn;
  switch (plan.kind) {
    case 'map':
      return map(each(added(plan.by)));
    case 'filter':
      return filter(each(isWanted(plan.by)) as (value: unknown) => boolean);
    case 'flatMap':
      return flatMap(each(piecesOf(plan.by)));
    case 'mapBatches': {
      const fn = (values: readonly unknown[]) => values.map(added(plan.by));
      return mapBatches(plan.later ? async (values: readonly unknown[]) => fn(values) : fn, { batchSize: plan.by + 1 });
    }
  }
}

/** What becomes of an element: the stage at which it fails, or its prediction. */
type Fate = { readonly stage: string } | { readonly prediction: unknown };

interface Place {
  readonly list: StepList;
  readonly index: number;
}

/** What should become of a value, found by going through the steps with it alone. */
function fateOf(value: unknown, id: string, plan: readonly Plan[], { list, index }: Place): Fate {
  const [first, ...rest] = plan;
  if (first === undefined) return { prediction: value };
  const next = { list, index: index + 1 };
  const stage = stageName(list, index, { mapBatches: 'map', branch: 'split' }[first.kind as string] ?? first.kind);
  try {
    switch (first.kind) {
      case 'map':
      case 'mapBatches':
        return fateOf(added(first.by)(value), id, rest, next);
      case 'filter':
        return isWanted(first.by)(value) ? fateOf(value, id, rest, next) : { prediction: null };
      case 'flatMap':
        return joined(piecesOf(first.by)(value).map((piece) => fateOf(piece, id, rest, next)));
      case 'branch': {
        const fates = throughBranches(value, id, first, { list, index });
        const failure = fates.find(([, fate]) => 'stage' in fate);
        if (failure !== undefined) return failure[1];
        const values = fates.map(([name, fate]) => [name, 'prediction' in fate ? fate.prediction : undefined]);
        return fateOf(Object.fromEntries(values), id, rest, next);
      }
    }
  } catch (error) {
    if (!(error instanceof OddError)) throw error;
    return { stage };
  }
}

function joined(fates: readonly Fate[]): Fate {
  const failure = fates.find((fate) => 'stage' in fate);
  return failure ?? { prediction: fates.map((fate) => ('prediction' in fate ? fate.prediction : undefined)) };
}

function throughBranches(
  value: unknown,
  id: string,
  { branches, split }: Extract<Plan, { kind: 'branch' }>,
  { list, index }: Place,
): readonly (readonly [name: string, fate: Fate])[] {
  const only =
    typeof split === 'number'
      ? branchOf(split)(value)
      : split === 'all'
        ? undefined
        : weightedChoice(Object.entries(split))(id);
  if (only === 'c') odd();
  const names = (['a', 'b'] as const).filter((name) => only === undefined || only === name);
  return names.map((name) => {
    const inner = branchSteps(list, index, { name, steps: branches[name].map(stepOf) });
    return [name, fateOf(value, id, branches[name], { list: inner, index: 0 })];
  });
}

function actualFate({ failure, value }: WorkItem): Fate {
  return failure === undefined ? { prediction: value } : { stage: failure.stage };
}

const pageSizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 });
const given = { plan: plans, count: fc.integer({ min: 0, max: 40 }), sizes: pageSizes };

test('steps give each element, in order, what they give it alone, however they are nested and read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record({ ...given, oneByOne: fc.boolean() }), async ({ plan, count, sizes, oneByOne }) => {
      const values = Array.from({ length: count }, (_, n) => n);
      const items = itemsOf(values);
      const steps = plan.map(stepOf);
      const actual = await all(runFunctions(steps, pagesOf(items, sizes), { oneByOne }));
      expect(actual).toEqual(items);
      const list = pipelineSteps({ steps });
      expect(actual.map(actualFate)).toEqual(items.map(({ id }, n) => fateOf(n, id, plan, { list, index: 0 })));
    }),
    { numRuns: 150 },
  );
});

/** Gives each value beside those that it shared a call with. */
const companions = (values: readonly unknown[]) => values.map((value) => [numberOf(value), values.map(numberOf)]);

function companionStepOf(plan: Plan): Step {
  if (plan.kind === 'mapBatches') return mapBatches(companions, { batchSize: plan.by + 1 });
  const step = stepOf(plan);
  if (plan.kind !== 'branch' || step.kind !== 'branch') return step;
  return branch(
    { a: plan.branches.a.map(companionStepOf), b: plan.branches.b.map(companionStepOf) },
    { split: step.split },
  );
}

test('a bundle that goes on behind an element which is not amid a batch has the same batches', async () => {
  let resumed = 0;
  await fc.assert(
    fc.asyncProperty(fc.record(given), async ({ plan, count, sizes }) => {
      const values = Array.from({ length: count }, (_, n) => n);
      const steps = plan.map(companionStepOf);
      const run = async (first: number): Promise<WorkItem[]> =>
        await all(runFunctions(steps, pagesOf(itemsOf(values.slice(first), first), sizes)));
      const whole = await run(0);
      for (const [index, { isMidBatch }] of whole.entries()) {
        if (isMidBatch || index % 3 !== 0) continue;
        const rest = await run(index + 1);
        expect(rest.map(actualFate)).toEqual(whole.slice(index + 1).map(actualFate));
        resumed += 1;
      }
    }),
    { numRuns: 100 },
  );
  expect(resumed).toBeGreaterThan(100);
});
