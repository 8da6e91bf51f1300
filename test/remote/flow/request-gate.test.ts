import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlowControl, type FlowControlOptions } from '../../../lib/remote/flow/flow-control.ts';
import { RequestGate } from '../../../lib/remote/flow/request-gate.ts';
import { VirtualClock } from '../virtual-clock.ts';

const NEVER = new AbortController().signal;

function gateWith(options: Partial<FlowControlOptions> = {}) {
  const clock = new VirtualClock();
  const flow = new FlowControl({ maxConcurrency: 256, now: 0, random: () => 0.9, ...options });
  const gate = new RequestGate(flow, clock, 'wine');
  const enter = (entering: { signal?: AbortSignal; patienceMillis?: number; again?: boolean } = {}) =>
    gate.enter({ weight: 1, signal: NEVER, patienceMillis: Infinity, ...entering });
  return { clock, flow, gate, enter };
}

describe('RequestGate', () => {
  test('admits in the order in which they came, those that come again before those that do not', async () => {
    const { clock, enter } = gateWith({ maxConcurrency: 1 });
    const admitted: string[] = [];
    const go = async (name: string, again = false): Promise<void> => {
      const turn = await enter({ again });
      admitted.push(name);
      await clock.sleep(10);
      turn.ended('succeeded');
    };
    await clock.run(Promise.all([go('a'), go('b'), go('c'), go('again d', true), go('again e', true)]));
    expect(admitted).toEqual(['a', 'again d', 'again e', 'b', 'c']);
  });

  test('loses no request and admits none twice, whichever leave and however they end', async () => {
    const ends = ['succeeded', 'refused', 'throttled', 'failed', 'abandoned'] as const;
    const requests = fc.record({
      comesAt: fc.nat(3000),
      leavesAt: fc.option(fc.nat(6000), { nil: undefined }),
      patience: fc.option(fc.nat(6000), { nil: Infinity }),
      takes: fc.nat(500),
      end: fc.constantFrom(...ends),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(requests, { maxLength: 60 }),
        fc.integer({ min: 1, max: 8 }),
        async (all, maxConcurrency) => {
          const { clock, flow, gate, enter } = gateWith({ maxConcurrency });
          let admitted = 0;
          let turnedAway = 0;
          const go = async ({ comesAt, leavesAt, patience, takes, end }: (typeof all)[0]): Promise<void> => {
            await clock.sleep(comesAt);
            const leave = new AbortController();
            if (leavesAt !== undefined) clock.setTimeout(() => leave.abort(new Error('left')), leavesAt);
            try {
              const turn = await enter({ signal: leave.signal, patienceMillis: patience });
              admitted += 1;
              expect(flow.inFlight).toBeLessThanOrEqual(maxConcurrency);
              await clock.sleep(takes);
              if (end === 'abandoned') turn.abandoned();
              else turn.ended(end);
            } catch (error) {
              expect(String(error)).toMatch(/left|accepts no requests/);
              expect(leave.signal.aborted || patience < Infinity).toBe(true);
              turnedAway += 1;
            }
          };
          await clock.run(Promise.all(all.map(go)));
          expect(admitted + turnedAway).toBe(all.length);
          expect([flow.inFlight, gate.waiting]).toEqual([0, 0]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('turns away at once those whose turn can not come in time, when the endpoint says so', async () => {
    const { clock, enter } = gateWith({ maxConcurrency: 1 });
    const turn = await enter();
    const patient = enter();
    const impatient = enter({ patienceMillis: 50_000 }).catch((error: unknown) => error);
    await clock.advance(1000);
    turn.ended('throttled', 120_000);
    expect(await impatient).toMatchObject({ name: 'EndpointBusyError', retryAfterMillis: 120_000 });
    expect(clock.now()).toBe(1000);
    await clock.run(patient);
    expect(clock.now()).toBeGreaterThanOrEqual(121_000);
  });

  test('rejects no request because of those before it in line, as long as the line moves', async () => {
    const { clock, enter } = gateWith({ rateLimits: [{ requests: 1, per: 'second' }] });
    const first = Array.from({ length: 10 }, async () => (await enter()).ended('succeeded'));
    await clock.run(enter({ patienceMillis: 1500 }));
    expect(clock.now()).toBeGreaterThan(9000);
    await clock.run(Promise.all(first));
  });

  test('a signal that is aborted already does not wait', async () => {
    const { enter, flow } = gateWith();
    await expect(enter({ signal: AbortSignal.abort(new Error('over')) })).rejects.toThrow('over');
    expect(flow.inFlight).toBe(0);
  });
});
