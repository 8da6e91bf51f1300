import { describe, expect, test } from 'vitest';
import type { Trouble } from '../fixtures/own-work.config.ts';
import { expectOnlyFailures, runBundle } from '../run-bundle.ts';
import { sharedEngines } from '../start-engine.ts';

const engineOf = sharedEngines('own-work');

/** Elements without trouble around those that have some. */
function around(...troubles: readonly Trouble[]): string[] {
  return ['fine', ...troubles.flatMap((trouble) => [trouble, 'fine'])];
}

const crashed = { name: 'WorkerCrashedError', message: expect.stringContaining('exited with status 3') as string };

describe('an element that ends its worker outside of all functions', () => {
  test('fails alone, where it did: when it is read, packed or written', async () => {
    const elements = around('read:exit', 'pack:exit', 'write:exit');
    const { outcomes } = await runBundle(await engineOf('values'), elements);
    const failures = expectOnlyFailures(outcomes, [1, 3, 5], () => 'fine');
    expect(failures).toMatchObject([
      { stage: 'read', error: crashed, input: '"read:exit"' },
      { stage: 'inference', error: crashed, input: 'pack:exit' },
      { stage: 'write', error: crashed, input: 'write:exit' },
    ]);
  });

  test("fails alone when it is packed by a handler's own 'collate'", async () => {
    const { outcomes } = await runBundle(await engineOf('tensors'), [[1], [2], [13], [4], [5]]);
    const [failure] = expectOnlyFailures(outcomes, [2], (place) => ({ y: [place + 1] }));
    expect(failure).toMatchObject({ stage: 'inference', error: crashed });
  });
});

describe('an element that keeps its worker outside of all functions', () => {
  test.each([
    ['read:spin', 'read', 'reading the element took longer than 3 s'],
    ['pack:spin', 'inference', 'packing the element took longer than 3 s'],
  ] as const)('fails alone with a TimeoutError: %s', async (trouble, stage, message) => {
    const { outcomes } = await runBundle(await engineOf('values'), around(trouble), { receives: 2 });
    const [failure] = expectOnlyFailures(outcomes, [1], () => 'fine');
    expect(failure).toMatchObject({
      stage,
      error: { name: 'TimeoutError', message: expect.stringContaining(message) },
    });
  });
});
