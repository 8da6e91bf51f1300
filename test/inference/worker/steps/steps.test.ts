import { describe, expect, test } from 'vitest';
import { branch, flatMap, map, mapBatches } from '../../../../lib/config/steps.ts';
import { functionStages } from '../../../../lib/inference/stages.ts';
import type { Pages } from '../../../../lib/inference/worker/work-item.ts';
import { all, itemsOf, runFunctions } from './run-functions.ts';
import { letters, refuse, tenfold } from './steps-of-numbers.ts';

describe('steps', () => {
  const nested = [
    tenfold,
    branch({ a: [mapBatches((values: readonly unknown[]) => values), flatMap((n) => [n]), tenfold], b: [letters] }),
    map((value) => value),
  ];

  test('have a stage for each function, in order', () => {
    expect(functionStages({ steps: nested }).map(({ name }) => name)).toEqual([
      'step[0].map',
      'step[1].split',
      'step[1].a.step[0].map',
      'step[1].a.step[1].flatMap',
      'step[1].a.step[2].map',
      'step[1].b.step[0].map',
      'step[2].map',
    ]);
    expect(functionStages({ steps: [refuse(1)] }).map(({ name }) => name)).toEqual(['filter']);
  });

  test('end what they read from when whoever reads their outcomes leaves', async () => {
    let ended = false;
    async function* endless(): Pages {
      try {
        for (;;) yield itemsOf([1, 2, 3]);
      } finally {
        ended = true;
      }
    }
    for await (const page of runFunctions(nested, endless())) {
      expect(page.length).toBeGreaterThan(0);
      break;
    }
    expect(ended).toBe(true);
  });

  test('pass on what ends the bundle', async () => {
    await expect(all(runFunctions(nested, broken()))).rejects.toThrow('the file is gone');
  });
});

async function* broken(): Pages {
  yield itemsOf([1, 2, 3]);
  throw new Error('the file is gone');
}
