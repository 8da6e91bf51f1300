import { expect, test } from 'vitest';
import { type EngineTurn, EngineTurns } from '../../../lib/jobs/run/engine-turns.ts';

test('turns come in the order in which they are asked for, a number at once, and each ends once', async () => {
  const turns = new EngineTurns(2);
  const come: number[] = [];
  const asked = Array.from({ length: 5 }, async (_, index): Promise<EngineTurn> => {
    const turn = await turns.next();
    come.push(index);
    return turn;
  });
  const [first, second] = await Promise.all(asked.slice(0, 2));
  expect(come).toEqual([0, 1]);
  second?.end();
  second?.end();
  const third = await asked[2];
  expect(come).toEqual([0, 1, 2]);
  first?.end();
  third?.end();
  await Promise.all(asked);
  expect(come).toEqual([0, 1, 2, 3, 4]);
});
