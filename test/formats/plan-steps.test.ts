import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planObject, planObjectStep } from '../../lib/formats/plan-object.ts';
import type { InputOptions } from '../../lib/formats/format.ts';
import type { CutsPlan, ObjectPlan } from '../../lib/formats/plan.ts';
import type { ByteSource } from '../../lib/stores/byte-source.ts';
import { inputOptions } from './reading.ts';
import { memorySource } from './sources.ts';

/** Plans in steps, each stopped after so many chunks; one whose turn has gone by is not stopped. */
async function planInSteps(
  source: ByteSource,
  input: InputOptions,
  chunksOfSteps: readonly number[],
): Promise<{ plan: ObjectPlan; steps: number }> {
  let from: CutsPlan | undefined;
  for (let steps = 1; ; steps += 1) {
    const controller = new AbortController();
    let left = chunksOfSteps[steps - 1] ?? Infinity;
    const stopping: ByteSource = {
      byteLength: source.byteLength,
      async *read(range, options) {
        for await (const chunk of source.read(range, options)) {
          left -= 1;
          if (left < 0) controller.abort();
          yield chunk;
        }
      },
    };
    const step = await planObjectStep(stopping, input, { from, stop: controller.signal });
    if (step.isWhole) return { plan: step.plan, steps };
    // What a step hands on has been JSON in between.
    from = JSON.parse(JSON.stringify(step.plan)) as CutsPlan;
  }
}

const cell = fc.oneof(
  fc.constantFrom('', 'x', '"a\nb"', '"a""b"', '"', 'a"b', '"open\n', 'é', 'long'.repeat(20)),
  fc.string({ maxLength: 6 }),
);
const csv = fc
  .array(fc.array(cell, { minLength: 1, maxLength: 4 }), { maxLength: 40 })
  .map((rows) => ['a,b', ...rows.map((row) => row.join(','))].join('\n'));
const json = fc
  .array(fc.oneof(fc.json(), fc.constantFrom('{"a":"]\\""}', 'nonsense', ' ', `"${'y'.repeat(90)}"`)), {
    maxLength: 40,
  })
  .map((elements) => `[${elements.join(',')}]`);
const stops = fc.array(fc.nat(30), { maxLength: 12 });

describe('planObjectStep', () => {
  test.each([
    ['csv', csv],
    ['json', json],
  ] as const)('makes the plan of one pass over %s, wherever it is stopped', async (format, contents) => {
    let stopped = 0;
    await fc.assert(
      fc.asyncProperty(contents, stops, fc.integer({ min: 1, max: 40 }), async (content, chunks, bundleBytes) => {
        const input = inputOptions(format, { bundleBytes, maxElementBytes: 60 });
        const source = memorySource(content, 7);
        const whole = await planObject(source, input).catch((error: unknown) => error);
        const stepped = await planInSteps(source, input, chunks).catch((error: unknown) => error);
        if (whole instanceof Error) {
          expect(stepped).toEqual(whole);
        } else {
          expect(stepped).toMatchObject({ plan: whole });
          stopped += (stepped as { steps: number }).steps - 1;
        }
      }),
      { numRuns: 400 },
    );
    expect(stopped).toBeGreaterThan(100);
  });

  test('plans what can be cut unread at once, however little time there is', async () => {
    const input = inputOptions('jsonl', { bundleBytes: 2 });
    const step = await planObjectStep(memorySource('1\n2\n'), input, { stop: AbortSignal.abort() });
    expect(step).toEqual({ isWhole: true, plan: { kind: 'ranges', start: 0, byteLength: 4, bundleBytes: 2 } });
  });

  test('ends with the plan it went on from where it is stopped before the next cut', async () => {
    const input = inputOptions('csv', { bundleBytes: 4 });
    const from: CutsPlan = { kind: 'cuts', byteLength: 4, starts: [2, 4], header: ['a'] };
    const stop = AbortSignal.abort();
    expect(await planObjectStep(memorySource('a\n1\n2\n3\n'), input, { from, stop })).toEqual({
      plan: from,
      isWhole: false,
    });
  });

  test('throws what is wrong with the object', async () => {
    const { signal } = new AbortController();
    await expect(planObjectStep(memorySource('{}'), inputOptions('json'), { stop: signal })).rejects.toThrow(
      "does not start with '['",
    );
  });
});
