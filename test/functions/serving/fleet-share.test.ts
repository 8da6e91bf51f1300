import { describe, expect, test } from 'vitest';
import { FleetShare } from '../../../functions/serving/fleet-share.ts';
import { FIRST_STATE, type GovernorState, serializeState } from '../../../lib/remote/governor/state.ts';

const MINUTE = 60_000;

/** A processor that hears from its governor, and an engine that was told. */
function listening() {
  const world = { now: 0, stored: undefined as string | undefined, reads: 0, fails: false };
  const told: number[] = [];
  const states: GovernorState[] = [];
  const warnings: string[] = [];
  const share = new FleetShare({
    read: async () => {
      world.reads += 1;
      if (world.fails) throw new Error('no answer');
      return world.stored;
    },
    telemetry: { warn: (message) => void warnings.push(message) },
    onState: (state) => void states.push(state),
    now: () => world.now,
  });
  const publish = (concurrency: number): string => (world.stored = serializeState({ ...FIRST_STATE, concurrency }));
  return {
    world,
    told,
    states,
    warnings,
    share,
    publish,
    engine: { shareLimits: (fleet: number) => void told.push(fleet) },
  };
}

describe("an engine's share of its fleet's limits", () => {
  test('is what the governor has published, read once a minute at most', async () => {
    const { world, told, share, publish, engine } = listening();
    publish(40);
    await share.refresh();
    share.follow(engine);
    expect(told).toEqual([40]);
    publish(20);
    world.now += MINUTE - 1;
    await share.refresh();
    expect(world.reads).toBe(1);
    world.now += 1;
    await Promise.all([share.refresh(), share.refresh()]);
    expect(world.reads).toBe(2);
    expect(told).toEqual([40, 20]);
    world.now += MINUTE;
    await share.refresh();
    expect(told).toEqual([40, 20]);
  });

  test('counts those that are more than are allowed, as long as they are there', async () => {
    const { world, told, states, share, engine } = listening();
    world.stored = serializeState({ ...FIRST_STATE, concurrency: 4, fleet: 9 });
    await share.refresh();
    share.follow(engine);
    expect(told).toEqual([9]);
    expect(states).toMatchObject([{ concurrency: 4, fleet: 9 }]);
  });

  test('is what the governor begins with before its first run', async () => {
    const { told, share, engine } = listening();
    await share.refresh();
    share.follow(engine);
    expect(told).toEqual([FIRST_STATE.concurrency]);
  });

  test('stays as it was where it cannot be read, which is a warning', async () => {
    const { world, told, warnings, share, publish, engine } = listening();
    publish(8);
    await share.refresh();
    world.fails = true;
    world.now += MINUTE;
    await share.refresh();
    share.follow(engine);
    expect(told).toEqual([8]);
    expect(warnings).toEqual(['could not read the size of the fleet']);
  });
});
