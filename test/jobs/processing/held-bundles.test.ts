import { beforeAll, describe, expect, test } from 'vitest';
import { MAX_RECEIVES } from '../../../lib/config/delivery.ts';
import type { MessageHold } from '../../../lib/jobs/fabric-ports.ts';
import { lastNoteKey } from '../../../lib/jobs/output-layout.ts';
import { deadlineOf } from '../memory-ports.ts';
import { benchOf, type Engine, engines, jobOf, START } from './processor-bench.ts';

const engineOf = engines();
const HELD_MILLIS = 90_000;
const MINUTE = 60_000;

/** A hold whose beats are a test's, and what was made of it. */
function manualHold() {
  const works = new Set<() => Promise<void>>();
  let ended = false;
  const hold: MessageHold = {
    millis: HELD_MILLIS,
    onRenewed(work) {
      works.add(work);
      return { [Symbol.asyncDispose]: async () => void works.delete(work) };
    },
    end: async () => void (ended = true),
  };
  return {
    hold,
    works,
    hasEnded: () => ended,
    beat: () => Promise.all([...works].map((work) => work())),
  };
}

describe('a bundle whose message is held', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await engineOf('double');
  });

  test('is left as hidden as it was received', async () => {
    const { store, bundles, processor, deliver } = benchOf(engine);
    const { messages } = await jobOf(store, [{ n: 1 }]);
    const received = await deliver(messages[0] ?? {});
    const hiddenUntil = bundles.nextVisibleAt;
    await processor.process(received, { ...deadlineOf(), hold: manualHold().hold });
    expect(bundles.nextVisibleAt).toBe(hiddenUntil);
  });

  test('that fails is held no longer before it is told when to come again', async () => {
    const { store, bundles, clock, processor, deliver } = benchOf(engine);
    const { messages } = await jobOf(store, [{ n: 1 }]);
    const received = await deliver({ ...messages[0], job: 'nobody' });
    const { hold, hasEnded } = manualHold();
    let endedBefore: boolean | undefined;
    bundles.faults.before = ({ operation }) => {
      if (operation === 'changeVisibility') endedBefore = hasEnded();
    };
    await expect(processor.process(received, { ...deadlineOf(), hold })).rejects.toThrow('no record of job nobody');
    expect(endedBefore).toBe(true);
    expect(bundles.nextVisibleAt).toBe(clock.now + 5000);
  });

  test('says again and again at its last receive until when it is worked on, and no more when it is done', async () => {
    const bench = benchOf(engine);
    const { store, bundles, clock, processor, deliver, next } = bench;
    const { messages, recorded, place } = await jobOf(store, [{ n: 1 }]);
    let received = await deliver(messages[0] ?? {});
    while (received.receiveCount < MAX_RECEIVES) {
      await bundles.changeVisibility(received.receiptHandle, 0);
      received = (await next()) ?? received;
    }
    const { hold, works, beat } = manualHold();
    const key = lastNoteKey(recorded.job, 0, 1);
    const untils: unknown[] = [];
    const noted = (): void =>
      void untils.push((store.json('out', key) as { readonly until: number }).until - clock.now);
    store.faults.before = async ({ operation, key: written }) => {
      if (operation !== 'put' || written !== place().part) return;
      noted();
      clock.now += HELD_MILLIS;
      await beat();
      noted();
    };
    await processor.process(received, { ...deadlineOf(), hold });
    expect(clock.now).toBe(START + HELD_MILLIS);
    expect(untils).toEqual([HELD_MILLIS + MINUTE, HELD_MILLIS + MINUTE]);
    expect(works.size).toBe(0);
  });
});
