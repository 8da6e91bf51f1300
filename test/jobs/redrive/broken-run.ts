import { expect } from 'vitest';
import type { startFabric } from './redrive-fabric.ts';

/** Some fail with `Late` or with `Slow` while those are broken, and one line is no JSON. */
export const LINES = Array.from({ length: 16 }, (_, n) => {
  const error = n % 3 === 1 || n === 15 ? 'Late' : n % 5 === 2 ? 'Slow' : undefined;
  return n === 6 ? 'no json' : JSON.stringify({ n, error });
});

export const TEXT = `${LINES.join('\n')}\n`;

export const LATE = 6;

export const SLOW = 2;

/** A job that has run while both things were broken. */
export async function brokenRun(fabric: Awaited<ReturnType<typeof startFabric>>, name: string) {
  const numbers = await fabric.open('numbers');
  await fabric.breaks('Late', 'Slow');
  const recorded = await numbers.job(name, TEXT);
  const manifest = await numbers.run(recorded);
  expect(manifest.counts).toEqual({ total: 16, succeeded: 7, failed: LATE + SLOW + 1 });
  expect(numbers.deadLetters.sent).toHaveLength(LATE + SLOW + 1);
  return { numbers, recorded, before: await numbers.parts(recorded) };
}
