import { describe, expect, test } from 'vitest';
import { createGovernorHandler } from '../../functions/governor/handler.ts';
import { FIRST_STATE, serializeState } from '../../lib/remote/governor/state.ts';
import type { MinuteCounts } from '../../lib/remote/governor/observation.ts';
import { type LogFields, SILENT } from '../../lib/telemetry/telemetry.ts';
import { GovernedWorld, MINUTE, NOON } from './governed-world.ts';

const context = { getRemainingTimeInMillis: () => 50_000 };
const KNOWN = serializeState({ ...FIRST_STATE, concurrency: 10 });
/** The beginning of a minute before noon. */
function minuteBefore(ago: number): number {
  return NOON - (NOON % MINUTE) - ago * MINUTE;
}

const BUSY = { visible: 500, inFlight: 10 };

/** Metrics of the minutes before, of so many tasks. */
function minutesOf(tasks: number, throttled: number): readonly MinuteCounts[] {
  return [8, 7, 6, 5, 4, 3, 2].map((ago) => {
    return { at: minuteBefore(ago), accepted: 600, throttled, waitedMillis: 0, engines: tasks };
  });
}

/** Runs the governor once, at the world's time. */
async function run(world: GovernedWorld): Promise<readonly LogFields[]> {
  const logged: LogFields[] = [];
  const log = (_message: string, fields: LogFields = {}): void => void logged.push(fields);
  const telemetry = { ...SILENT, info: log, error: log };
  const { ports, pipelines } = world;
  await createGovernorHandler({ ...ports, pipelines, telemetry, now: () => world.now })({}, context);
  return logged;
}

describe('the governor', () => {
  test('sets what it decides, and publishes the same', async () => {
    const world = new GovernedWorld({
      wine: { ...BUSY, parameter: KNOWN },
      digits: { ...BUSY, parameter: KNOWN, ceiling: 6 },
    });
    await run(world);
    for (const name of ['wine', 'digits']) expect(world.of(name).maxConcurrency).toBe(world.stateOf(name).concurrency);
    expect(world.of('digits').maxConcurrency).toBeLessThanOrEqual(6);
    expect(world.of('wine').maxConcurrency).toBeGreaterThan(6);
  });

  test('sees the ten whole minutes before, what waits, and how many runs of the function are under way', async () => {
    const world = new GovernedWorld({ wine: { visible: 30, delayed: 12, inFlight: 35, batchSize: 10 } });
    const logged = await run(world);
    const end = NOON - 1234;
    expect(world.minutesAsked).toEqual([{ start: end - 10 * MINUTE, end }]);
    expect(world.stateOf('wine').runs).toMatchObject([{ at: NOON, working: 3.5 }]);
    expect(logged).toMatchObject([{ pipeline: 'wine', waiting: 42, working: 3.5, reason: expect.any(String) }]);
  });

  test('leaves a poller alone that has what it decided', async () => {
    const world = new GovernedWorld({ wine: { ...BUSY, parameter: KNOWN, maxConcurrency: 10, ceiling: 10 } });
    await run(world);
    expect(world.log).toEqual(['metrics wine', 'write wine']);
  });

  test('publishes more processors before there are, and fewer after', async () => {
    const world = new GovernedWorld({
      wine: { ...BUSY, parameter: KNOWN, maxConcurrency: 2 },
      digits: { ...BUSY, parameter: KNOWN, maxConcurrency: 900 },
    });
    await run(world);
    expect(world.log.filter((call) => call.endsWith('wine'))).toEqual(['metrics wine', 'write wine', 'set wine']);
    expect(world.log.filter((call) => call.endsWith('digits'))).toEqual([
      'metrics digits',
      'set digits',
      'write digits',
    ]);
  });

  test('gives a poller that has no limit yet its first', async () => {
    const world = new GovernedWorld({ wine: {} });
    await run(world);
    expect(world.log).toEqual(['metrics wine', 'set wine', 'write wine']);
    expect(world.of('wine').maxConcurrency).toBe(world.stateOf('wine').concurrency);
  });

  test.each([2, 900])(
    'tries again a minute later where a poller with %i is just being changed',
    async (maxConcurrency) => {
      const world = new GovernedWorld({ wine: { ...BUSY, parameter: KNOWN, maxConcurrency } });
      world.busy.add('wine');
      await run(world);
      expect(world.of('wine').maxConcurrency).toBe(maxConcurrency);
      // What is published is never less than what there is.
      expect(world.stateOf('wine').concurrency).toBeGreaterThanOrEqual(Math.min(10, maxConcurrency));
      world.busy.clear();
      world.now += MINUTE;
      await run(world);
      expect(world.of('wine').maxConcurrency).toBe(world.stateOf('wine').concurrency);
    },
  );

  test.each([
    ['set wine', 2],
    ['write wine', 2],
    ['set wine', 900],
    ['write wine', 900],
    ['metrics wine', 900],
  ])('mends in the next run what failed halfway: %s, from %i', async (call, maxConcurrency) => {
    const world = new GovernedWorld({ wine: { ...BUSY, parameter: KNOWN, maxConcurrency } });
    world.failing.add(call);
    await expect(run(world)).rejects.toThrow('could not govern wine');
    world.failing.clear();
    world.now += MINUTE;
    await run(world);
    expect(world.of('wine').maxConcurrency).toBe(world.stateOf('wine').concurrency);
  });

  test('governs the others where one cannot be, and fails with its name', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const world = new GovernedWorld(Object.fromEntries(names.map((name) => [name, { ...BUSY }])));
    world.failing.add('read b');
    await expect(run(world)).rejects.toThrow('could not govern b');
    expect([...world.parameters.keys()].toSorted()).toEqual(['a', 'c', 'd', 'e', 'f']);
  });

  test('decides once where EventBridge sends an event twice', async () => {
    const world = new GovernedWorld({ wine: BUSY });
    await run(world);
    world.log.length = 0;
    world.now += 4000;
    await run(world);
    expect(world.log).toEqual([]);
    world.now += MINUTE;
    await run(world);
    expect(world.log).toContain('write wine');
  });

  test('leaves a poller alone that is switched off', async () => {
    const world = new GovernedWorld({ wine: { ...BUSY, isEnabled: false } });
    await run(world);
    expect(world.log).toEqual([]);
  });

  test('rests where nothing is to be done, once the metrics of the last work are in; and then goes on as before', async () => {
    const world = new GovernedWorld({ wine: { ...BUSY } });
    await run(world);
    Object.assign(world.of('wine'), { visible: 0, inFlight: 0 });
    const asked: number[] = [];
    for (let minute = 1; minute <= 10; minute += 1) {
      world.log.length = 0;
      world.now += MINUTE;
      await run(world);
      if (world.log.includes('metrics wine')) asked.push(minute);
      else expect(world.log).toEqual([]);
    }
    expect(asked).toEqual([1, 2, 3, 4, 5]);
    const rested = world.of('wine').maxConcurrency;

    // A deploy that replaced the poller, or a lower ceiling, is no rest.
    world.of('wine').maxConcurrency = undefined;
    world.now += MINUTE;
    await run(world);
    expect(world.of('wine').maxConcurrency).toBe(rested);
    Object.assign(world.of('wine'), { delayed: 1 });
    world.log.length = 0;
    world.now += MINUTE;
    await run(world);
    expect(world.log).toContain('metrics wine');
  });

  test('keeps to a ceiling that was lowered while it rested', async () => {
    const world = new GovernedWorld({ wine: { parameter: KNOWN, maxConcurrency: 10, ceiling: 4 } });
    await run(world);
    expect(world.of('wine').maxConcurrency).toBe(4);
    expect(world.stateOf('wine').concurrency).toBe(4);
  });

  test('begins anew where what it kept cannot be read', async () => {
    const world = new GovernedWorld({ wine: { ...BUSY, parameter: 'rubbish', maxConcurrency: 900 } });
    await run(world);
    expect(world.of('wine').maxConcurrency).toBe(world.stateOf('wine').concurrency);
    expect(world.stateOf('wine').runs).toHaveLength(1);
  });

  test('goes on where a run that it remembers is in the future', async () => {
    const runs = [{ at: NOON + 24 * 60 * MINUTE, concurrency: 10, working: 10 }];
    const world = new GovernedWorld({ wine: { ...BUSY, parameter: serializeState({ ...FIRST_STATE, runs }) } });
    await run(world);
    expect(world.of('wine').maxConcurrency).toBe(world.stateOf('wine').concurrency);
    expect(world.stateOf('wine').runs).toHaveLength(2);
  });

  describe('of a service of tasks', () => {
    const service = { minTasks: 0 };

    test('sees tasks, which have more bundles than one, and never more of them than are running', async () => {
      const world = new GovernedWorld({
        busy: { service, visible: 90, inFlight: 35, minutes: minutesOf(3, 0) },
        ending: { service, inFlight: 2, minutes: minutesOf(3, 0) },
        starting: { service, visible: 90, inFlight: 12, maxConcurrency: 2 },
      });
      await run(world);
      expect(world.stateOf('busy')).toMatchObject({ fleet: 3, runs: [{ working: 3 }] });
      expect(world.stateOf('ending')).toMatchObject({ fleet: 3, runs: [{ working: 2 }] });
      expect(world.stateOf('starting')).toMatchObject({ fleet: 2, runs: [{ working: 2 }] });
    });

    test('has more tasks where all are at work and nothing is throttled, and fewer where much is', async () => {
      const some = { service, visible: 90, inFlight: 35, ceiling: 9, maxConcurrency: 4 };
      const parameter = serializeState({ ...FIRST_STATE, concurrency: 4 });
      const world = new GovernedWorld({
        free: { ...some, parameter, minutes: minutesOf(4, 0) },
        throttled: { ...some, parameter, minutes: minutesOf(4, 300) },
      });
      await run(world);
      expect(world.of('free').maxConcurrency).toBe(6);
      expect(world.of('throttled').maxConcurrency).toBe(2);
      // Those that are at work are still there.
      expect(world.stateOf('throttled')).toMatchObject({ concurrency: 2, fleet: 4 });
    });

    test('keeps between the tasks that have to stay and those that there may be', async () => {
      const parameter = serializeState({ ...FIRST_STATE, concurrency: 4 });
      const some = { visible: 90, inFlight: 35, parameter, maxConcurrency: 4 };
      const world = new GovernedWorld({
        least: { ...some, service: { minTasks: 3 }, ceiling: 9, minutes: minutesOf(4, 300) },
        most: { ...some, service, ceiling: 5, minutes: minutesOf(4, 0) },
        none: { ...some, service: { minTasks: 0 }, ceiling: 1, minutes: minutesOf(1, 300) },
      });
      await run(world);
      expect(['least', 'most', 'none'].map((name) => world.of(name).maxConcurrency)).toEqual([3, 5, 1]);
    });

    test('sets what it had decided where a deploy has put the most tasks back', async () => {
      const world = new GovernedWorld({ scans: { service, parameter: KNOWN, maxConcurrency: 1, ceiling: 20 } });
      await run(world);
      expect(world.of('scans').maxConcurrency).toBe(10);
    });
  });

  test('gives an endpoint fewer callers that refuses many of their requests, minutes after it did', async () => {
    const runs = [7, 6, 5, 4, 3, 2, 1].map((ago) => ({ at: minuteBefore(ago) + 1000, concurrency: 40, working: 40 }));
    const minutes = [7, 6, 5, 4, 3].map((ago) => ({
      at: minuteBefore(ago),
      accepted: 6000,
      throttled: 1500,
      waitedMillis: 0,
    }));
    const parameter = serializeState({ ...FIRST_STATE, concurrency: 40, runs });
    const world = new GovernedWorld({ wine: { visible: 5000, inFlight: 40, maxConcurrency: 40, parameter, minutes } });
    await run(world);
    expect(world.of('wine').maxConcurrency).toBeLessThan(40);
  });
});
