import { random } from '../random.ts';
import type { Arrival } from './simulate.ts';

/** Arrivals of bundles, in seconds from a midnight. */
export interface Trace {
  readonly name: string;
  readonly arrivals: readonly Arrival[];
}

const MINUTE = 60;
const HOUR = 3600;
const SHORT = 10;
const MIDDLE = 60;
const LONG = 600;
/** Ratio to the median that one bundle in six reaches or exceeds. */
const SPREAD = 1.5;
/** Files an hour, from midnight on. */
const OFFICE_HOURS = [0, 0, 0, 0, 0, 0, 0, 1, 4, 7, 9, 9, 6, 7, 9, 8, 6, 3, 1, 0, 0, 0, 0, 0];
const FILE_SPREAD = 2.5;

/** Draws all that is by chance in one trace. */
class Draw {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = random(seed);
  }

  uniform(from: number, to: number): number {
    return from + (to - from) * this.#random();
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.#random());
  }

  /** By Box and Muller. */
  lognormal(median: number, spread: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    return median * spread ** normal;
  }

  drop(at: number, bundles: number, medianSecs: number): Arrival {
    const count = Math.max(1, Math.round(bundles));
    return { at, workSecs: Array.from({ length: count }, () => this.lognormal(medianSecs, SPREAD)) };
  }
}

/** A user who looks at the answers before sending the next file. */
export const TRYING_OUT: Trace = tryingOut();
export const BURSTS: Trace = bursts();
export const OFFICE_SHORT: Trace = office('office hours, bundles of 10 s', 40, SHORT);
export const OFFICE: Trace = office('office hours, bundles of 60 s', 7, MIDDLE);
export const OFFICE_LONG: Trace = office('office hours, bundles of 10 min', 1.2, LONG);
export const TRICKLE: Trace = trickle();
export const MONDAY: Trace = monday();

export const TRACES: readonly Trace[] = [
  nightly('2,000 bundles of 10 s at night', 2000, SHORT),
  nightly('500 bundles of 60 s at night', 500, MIDDLE),
  nightly('100 bundles of 10 min at night', 100, LONG),
  OFFICE_SHORT,
  OFFICE,
  OFFICE_LONG,
  TRICKLE,
  TRYING_OUT,
  BURSTS,
  MONDAY,
  overload(),
  week(),
];

function nightly(name: string, bundles: number, medianSecs: number): Trace {
  const draw = new Draw(7);
  const nights = [2, 26].map((hour) => draw.drop(hour * HOUR + draw.uniform(0, MINUTE), bundles, medianSecs));
  return { name, arrivals: nights };
}

/** Files by chance, at a rate that changes by the hour, and of very different sizes. */
function office(name: string, bundlesOfFile: number, medianSecs: number): Trace {
  const draw = new Draw(7 + medianSecs);
  const arrivals = OFFICE_HOURS.flatMap((files, hour) => {
    const some: Arrival[] = [];
    let at = hour * HOUR + draw.exponential(HOUR / files);
    for (; at < (hour + 1) * HOUR; at += draw.exponential(HOUR / files)) {
      some.push(draw.drop(at, draw.lognormal(bundlesOfFile, FILE_SPREAD), medianSecs));
    }
    return some;
  });
  return { name, arrivals };
}

function trickle(): Trace {
  const draw = new Draw(9);
  const arrivals: Arrival[] = [];
  for (let at = HOUR; at < 24 * HOUR; at += draw.uniform(20, 40) * MINUTE) {
    arrivals.push(draw.drop(at, draw.uniform(1, 4), MIDDLE));
  }
  return { name: 'a small file every 20 to 40 min', arrivals };
}

function tryingOut(): Trace {
  const draw = new Draw(14);
  const arrivals: Arrival[] = [];
  for (const hour of [9, 14, 33, 38, 57, 62, 81, 86]) {
    for (let at = hour * HOUR; at < (hour + 2.5) * HOUR; at += draw.uniform(3, 15) * MINUTE) {
      arrivals.push(draw.drop(at, 1, MIDDLE));
    }
  }
  return { name: 'trying out: a bundle every 3 to 15 min', arrivals };
}

function bursts(): Trace {
  const draw = new Draw(10);
  const arrivals = [2, 8, 14, 20].flatMap((hour) =>
    [0, 13, 21, 38, 55].map((minute) =>
      draw.drop(hour * HOUR + (minute + draw.uniform(0, 5)) * MINUTE, draw.lognormal(30, SPREAD), MIDDLE),
    ),
  );
  return { name: 'five drops in an hour, then five hours none', arrivals };
}

/** The queue's last use was on Friday evening. */
function monday(): Trace {
  const draw = new Draw(11);
  const friday = draw.drop(HOUR, 4, MIDDLE);
  const mondays = [62, 63, 65.5].map((hour) => draw.drop(hour * HOUR + draw.uniform(0, MINUTE), 30, MIDDLE));
  return { name: 'Monday morning', arrivals: [friday, ...mondays] };
}

function overload(): Trace {
  const draw = new Draw(12);
  const arrivals: Arrival[] = [];
  for (let at = HOUR; at < 7 * HOUR; at += draw.exponential(5 * MINUTE)) {
    arrivals.push(draw.drop(at, draw.lognormal(22, 2), MIDDLE));
  }
  return { name: 'six hours of more than all tasks can do', arrivals };
}

function week(): Trace {
  const draw = new Draw(13);
  const arrivals = [0, 7].map((day) => draw.drop((1 + 24 * day) * HOUR, 4, MIDDLE));
  return { name: 'two files in a week', arrivals };
}
