import { describe, expect, test } from 'vitest';
import { type Decision, decide, type GovernorLimits } from '../../../lib/remote/governor/decide.ts';
import type { MinuteCounts } from '../../../lib/remote/governor/observation.ts';
import { FIRST_STATE, type GovernorState, parseState, serializeState } from '../../../lib/remote/governor/state.ts';

const MINUTE = 60_000;
/** Some minute, from which the runs count. */
const START = Date.UTC(2026, 10, 21, 8);
const SECONDS_PAST = 7000;

/** Events of one minute. */
interface Happened {
  /** Requests a second. */
  readonly accepted?: number;
  /** Share of all requests. */
  readonly throttled?: number;
  /** Requests that each engine held back at any time. */
  readonly held?: number;
  /** Number of busy engines. @default the number that was allowed */
  readonly working?: number;
  readonly waiting?: number;
}

/** A governor that runs each minute, and sees minutes when CloudWatch has them. */
class Rehearsal {
  readonly #limits: GovernorLimits;
  readonly #minutes: MinuteCounts[] = [];
  /** Number of engines in the metrics, whatever the number of busy ones. */
  readonly #engines: number | undefined;
  state: GovernorState;
  decisions: Decision[] = [];

  constructor(state: Partial<GovernorState> = {}, limits: GovernorLimits = {}, engines?: number) {
    this.#limits = limits;
    this.#engines = engines;
    this.state = { ...FIRST_STATE, ...state };
  }

  get last(): Decision | undefined {
    return this.decisions.at(-1);
  }

  get settings(): readonly number[] {
    return this.decisions.map(({ concurrency }) => concurrency);
  }

  /** The same for some minutes. */
  pass(minutes: number, { accepted = 0, throttled = 0, held = 0, working, waiting = 100 }: Happened): this {
    for (let minute = 0; minute < minutes; minute += 1) {
      const at = START + this.decisions.length * MINUTE;
      const engines = working ?? this.state.concurrency;
      this.decisions.push(
        decide(
          this.state,
          { now: at + SECONDS_PAST, minutes: this.#shown(at), waiting, working: engines },
          this.#limits,
        ),
      );
      this.state = parseState(serializeState(this.decisions.at(-1)?.state ?? FIRST_STATE));
      const refused = (accepted * throttled) / (1 - throttled);
      if (accepted + held > 0) {
        const counts = { accepted: accepted * 60, throttled: refused * 60, waitedMillis: held * engines * MINUTE };
        this.#minutes.push({ at, ...counts, ...(this.#engines === undefined ? {} : { engines: this.#engines }) });
      }
    }
    return this;
  }

  #shown(now: number): readonly MinuteCounts[] {
    return this.#minutes.slice(-10).filter(({ at }) => at + MINUTE * 2 <= now);
  }
}

/** State of a governor that has set this number for a long time. */
function set(concurrency: number, engineRate?: number): Partial<GovernorState> {
  return { concurrency, ...(engineRate === undefined ? {} : { engineRate: { perSec: engineRate, at: START } }) };
}

describe('decide', () => {
  test('begins with the fewest, and stays there while nothing is asked', () => {
    const rehearsal = new Rehearsal().pass(200, { waiting: 0, working: 0 });
    expect(new Set(rehearsal.settings)).toEqual(new Set([2]));
  });

  test('keeps what it has learned through hours without work', () => {
    const rehearsal = new Rehearsal(set(40, 2)).pass(5, { accepted: 80, waiting: 0 });
    rehearsal.pass(300, { waiting: 0, working: 0 });
    expect(rehearsal.last?.concurrency).toBe(40);
    expect(rehearsal.state.engineRate).toEqual({ perSec: 2, at: START });
  });

  test('does not grow without having seen anything, however much waits', () => {
    expect(new Rehearsal().pass(60, { waiting: 10_000 }).last?.concurrency).toBe(2);
  });

  test('grows by half, and never to more than twice what it has seen go well', () => {
    const rehearsal = new Rehearsal(set(5)).pass(9, { accepted: 10 });
    expect(rehearsal.settings).toEqual([5, 5, 5, 8, 10, 10, 15, 20, 20]);
    expect(rehearsal.decisions[7]?.reason).toBe(
      'up: 10 engines had 10.0 requests a second accepted and 0.0 % throttled',
    );
  });

  test('does not grow past the ceiling, nor past what waits', () => {
    expect(new Rehearsal({}, { ceiling: 12 }).pass(30, { accepted: 10 }).last?.concurrency).toBe(12);
    expect(new Rehearsal(set(10)).pass(30, { accepted: 10, waiting: 3, working: 10 }).last?.concurrency).toBe(13);
    expect(new Rehearsal(set(10)).pass(30, { accepted: 10, waiting: 0 }).last?.concurrency).toBe(10);
  });

  test('does not grow while it is not what limits the engines', () => {
    const rehearsal = new Rehearsal(set(40)).pass(30, { accepted: 10, working: 20, waiting: 100 });
    expect(rehearsal.last?.concurrency).toBe(40);
    expect(rehearsal.last?.reason).toMatch(/^not all engines are running yet/);
  });

  test('does not grow while requests wait for their turn, as where a declared limit holds them back', () => {
    expect(new Rehearsal(set(10)).pass(120, { accepted: 20, held: 30 }).last?.concurrency).toBe(10);
    expect(new Rehearsal(set(10, 4)).pass(120, { accepted: 20, held: 30 }).last?.concurrency).toBe(10);
  });

  test('grows although some wait, where engines get through nearly all that they can', () => {
    expect(new Rehearsal(set(10, 2)).pass(5, { accepted: 18, held: 1 }).last?.concurrency).toBe(20);
  });

  test('halves what was throttled on more than 2 % two minutes long', () => {
    const rehearsal = new Rehearsal(set(100)).pass(3, { accepted: 100, throttled: 0.03 });
    expect(rehearsal.settings).toEqual([100, 100, 100]);
    rehearsal.pass(2, { accepted: 100, throttled: 0.03 });
    expect(rehearsal.settings.slice(3)).toEqual([100, 50]);
    expect(rehearsal.last?.reason).toBe('down: 100 engines had 100.0 requests a second accepted and 3.0 % throttled');
  });

  test('halves at once what was throttled on more than 10 %', () => {
    const rehearsal = new Rehearsal(set(100)).pass(4, { accepted: 100, throttled: 0.12 });
    expect(rehearsal.settings).toEqual([100, 100, 100, 50]);
  });

  test('reacts to a bout of throttling once: it is attributed to the engines that were busy in it', () => {
    const rehearsal = new Rehearsal(set(100)).pass(4, { accepted: 100, throttled: 0.3 });
    rehearsal.pass(4, { accepted: 100, throttled: 0.005 });
    expect(rehearsal.settings.slice(3)).toEqual([50, 50, 50, 50, 50]);
    expect(rehearsal.decisions[5]?.reason).toMatch(/^down already: 100 engines/);
  });

  test('goes on down where those that are left are throttled as well', () => {
    const rehearsal = new Rehearsal(set(100)).pass(12, { accepted: 100, throttled: 0.3 });
    expect(rehearsal.settings).toEqual([100, 100, 100, 50, 50, 50, 50, 25, 25, 25, 25, 13]);
  });

  test('lays a minute to engines that are too many and finish their bundles, not to what was set', () => {
    const rehearsal = new Rehearsal(set(100)).pass(4, { accepted: 100, throttled: 0.3 });
    rehearsal.pass(10, { accepted: 100, throttled: 0.3, working: 90 });
    expect(rehearsal.last?.concurrency).toBe(45);
  });

  test('does not go below what the quota needs, by what an engine is known to do', () => {
    const rehearsal = new Rehearsal(set(120, 2)).pass(30, { accepted: 100, throttled: 0.3 });
    expect(rehearsal.last?.concurrency).toBe(100);
  });

  test('does not go below the minimum, which is one by default', () => {
    const throttled = { accepted: 1, throttled: 0.5 };
    expect(new Rehearsal(set(9)).pass(60, throttled).last?.concurrency).toBe(1);
    expect(new Rehearsal(set(9), { least: 2 }).pass(60, throttled).last?.concurrency).toBe(2);
    expect(new Rehearsal(set(9), { least: 5, ceiling: 5 }).pass(60, throttled).last?.concurrency).toBe(5);
  });

  test('grows from one', () => {
    expect(new Rehearsal(set(1)).pass(7, { accepted: 1 }).settings).toEqual([1, 1, 1, 2, 2, 2, 3]);
  });

  test('lays a minute to the engines that it is told of, and not to those that it knows from its runs', () => {
    const rehearsal = new Rehearsal(set(100), {}, 40).pass(4, { accepted: 100, throttled: 0.3 });
    expect(rehearsal.last?.concurrency).toBe(20);
  });

  test('knows a fleet of as many as were allowed lately or are still there', () => {
    const rehearsal = new Rehearsal(set(100)).pass(4, { accepted: 100, throttled: 0.3 });
    expect(rehearsal.state).toMatchObject({ concurrency: 50, fleet: 100 });
    rehearsal.pass(3, { accepted: 100, throttled: 0.001, working: 71.5 });
    expect(rehearsal.state).toMatchObject({ concurrency: 50, fleet: 72 });
    rehearsal.pass(1, { accepted: 100, throttled: 0.001, working: 30 });
    expect(rehearsal.state).toMatchObject({ concurrency: 50, fleet: 50 });
    const observation = { now: START + 60 * MINUTE, minutes: [], waiting: 0, working: 1, running: 64 };
    expect(decide(rehearsal.state, observation).state.fleet).toBe(64);
  });

  test('takes engines away step by step where the quota is used by fewer', () => {
    const rehearsal = new Rehearsal(set(40, 10)).pass(40, { accepted: 100, throttled: 0.008 });
    const steps = rehearsal.settings.filter((setting, index) => setting !== rehearsal.settings[index - 1]);
    expect(steps).toEqual([40, 30, 23, 20]);
    expect(rehearsal.last?.reason).toMatch(/^at the quota: 20 engines/);
  });

  test('tries with fewer where it is not known what one can do', () => {
    const rehearsal = new Rehearsal(set(40)).pass(12, { accepted: 100, throttled: 0.008 });
    expect(rehearsal.last?.concurrency).toBe(23);
  });

  test('tries again with fewer once what it knows of an engine is old', () => {
    const rehearsal = new Rehearsal(set(20, 10)).pass(60, { accepted: 100, throttled: 0.008 });
    expect(rehearsal.last?.concurrency).toBe(20);
    expect(rehearsal.pass(5, { accepted: 100, throttled: 0.008 }).last?.concurrency).toBe(15);
  });

  test('does not take a single throttled request for a quota', () => {
    expect(new Rehearsal(set(5)).pass(5, { accepted: 1, throttled: 0.016 }).last?.concurrency).toBe(10);
  });

  test('believes no minute that may be incomplete', () => {
    const minutes = [-1, -2].map((ago) => {
      return { at: START + ago * MINUTE, accepted: 10, throttled: 10, waitedMillis: 0 };
    });
    const observation = { now: START + MINUTE - 1, minutes, waiting: 9, working: 40 };
    const [young, whole] = [observation, { ...observation, now: START + MINUTE }].map((seen) => {
      return decide({ ...FIRST_STATE, concurrency: 40 }, seen).concurrency;
    });
    expect(young).toBe(40);
    expect(whole).toBe(20);
  });
});
