import { duration, percentage } from '../format/amounts.ts';

/** Where the time of a run went. Work that ran at once is all counted. */
export interface TimeSpent {
  /** Seconds until the first outcome, without those in which models ran: workers start and models load. */
  readonly startSecs: number;
  /** Seconds in which models ran batches, or endpoints answered them. */
  readonly inferenceSecs: number;
  /** Processor time of the workers: reading, functions, packing and writing. */
  readonly workerSecs: number;
}

/** Part of the time that is a bottleneck whatever else took time. */
const MOST = 0.5;

/** Measures where the time of a run goes. */
export class RunClock {
  readonly #startedAt: number;
  #startSecs: number | undefined;
  #cpu = process.cpuUsage();

  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  /**
   * Marks the first outcome, which ends the start; has no effect when called again.
   *
   * @param inferenceSecs - that models have run by then, which are not the start
   */
  begin(inferenceSecs: number): void {
    if (this.#startSecs !== undefined) return;
    this.#startSecs = Math.max(0, (performance.now() - this.#startedAt) / 1000 - inferenceSecs);
    this.#cpu = process.cpuUsage();
  }

  spent(inferenceSecs: number): TimeSpent {
    this.begin(inferenceSecs);
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      startSecs: rounded(this.#startSecs ?? 0),
      inferenceSecs: rounded(inferenceSecs),
      workerSecs: rounded((user + system) / 1e6),
    };
  }
}

/** Describes where the time went, such as `start 0.5 s, model 12 s, workers 3 s`. */
export function describeSpent({ startSecs, inferenceSecs, workerSecs }: TimeSpent): string {
  const parts = [
    ['start', startSecs],
    ['model', inferenceSecs],
    ['workers', workerSecs],
  ] as const;
  return parts.map(([name, secs]) => `${name} ${duration(secs)}`).join(', ');
}

/** Names the bottleneck of a run, and its share. */
export function bottleneckOf({ startSecs, inferenceSecs, workerSecs }: TimeSpent, elapsedSecs: number): string {
  const start = elapsedSecs === 0 ? 0 : startSecs / elapsedSecs;
  if (start >= MOST) return `the start, ${percentage(start)} of the time: more elements cost little`;
  const work = inferenceSecs + workerSecs;
  if (work === 0) return 'none that was measured';
  if (inferenceSecs >= workerSecs) return `the model, ${percentage(inferenceSecs / work)} of the work`;
  return `reading, functions and writing, ${percentage(workerSecs / work)} of the work`;
}

function rounded(secs: number): number {
  return Number(secs.toFixed(3));
}
