import { filter, map, type Step } from '../../../../lib/config/steps.ts';
import type { FunctionScope } from '../../../../lib/inference/worker/element-functions.ts';
import type { WorkItem } from '../../../../lib/inference/worker/work-item.ts';
import { all, itemsOf, pagesOf, runFunctions } from './run-functions.ts';

export const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

export async function run(
  steps: readonly Step[],
  values: readonly unknown[] = NUMBERS,
  scope: Partial<FunctionScope> = {},
): Promise<readonly WorkItem[]> {
  return await all(runFunctions(steps, pagesOf(itemsOf(values), [4]), scope));
}

export async function predictions(
  steps: readonly Step[],
  values: readonly unknown[] = NUMBERS,
): Promise<readonly unknown[]> {
  return (await run(steps, values)).map(({ value }) => value);
}

/** Each failed element's place, with its failure, but for where in the tests it was thrown. */
export async function failures(
  steps: readonly Step[],
  values?: readonly unknown[],
  scope: Partial<FunctionScope> = {},
) {
  const items = await run(steps, values, scope);
  return items.flatMap(({ failure }, place) => {
    if (failure === undefined) return [];
    const { stage, error } = failure;
    return [{ place, stage, error: { name: error.name, message: error.message } }];
  });
}

export const refuse = (unwanted: number) => filter((n: number) => n !== unwanted);
export const failAt = (unlucky: number) =>
  map((n: number) => {
    if (n === unlucky) throw new RangeError('unlucky');
    return n;
  });

export const tenfold = map((n: number) => n * 10);
export const letters = map((n: number) => String.fromCharCode(97 + n));

export const ODD = { name: 'TypeError', message: 'odd' };

export function odd(): never {
  throw new TypeError('odd');
}
