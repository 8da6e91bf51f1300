import type { Bundle, OutcomeChunk } from '../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { freeBytes } from '../../lib/stores/free-bytes.ts';
import { treeMemoryBytes } from './process-tree.ts';
import { SeenOutcomes } from './seen-outcomes.ts';
import { between, type Measured, type Reading, readMeters } from './work-meter.ts';

export interface RunSampleOptions {
  /** Seconds of work to measure. */
  readonly secs: number;
  /** True if bundles are repeated until the time is over. False for models whose requests cost money. */
  readonly repeats: boolean;
  readonly signal: AbortSignal;
  /** Called with the share that is done, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

export interface Sample {
  /** Outcomes of the elements, each counted once. */
  readonly seen: SeenOutcomes;
  readonly measured: Measured;
  readonly peakMemoryBytes: number;
  /** True if some bundles ran more than once. */
  readonly isRepeated: boolean;
  /** True if the sample ended because its time was over, not because its input ended. */
  readonly isCut: boolean;
}

/** Bundles in flight per worker, as in a run: one that is processed, and one that is read next. */
const BUNDLES_PER_WORKER = 2;
/** Interval between two readings of the memory and two progress reports. */
const LOOK_MILLIS = 500;
/** Maximum warm-up after the first outcome, in which code is compiled and batches grow to their size. */
const MAX_WARM_UP_SECS = 2;

/**
 * Runs bundles through the engine for some seconds and measures the time and CPU use after a warm-up. Writes nothing.
 * Waits for the first outcomes without a limit.
 *
 * @throws errors of the engine, or the signal's reason
 */
export async function runSample(
  bundles: readonly Bundle[],
  engine: Pick<InferenceEngine, 'process' | 'workers'>,
  options: RunSampleOptions,
): Promise<Sample> {
  const clock = new SampleClock(options);
  const ended = AbortSignal.any([options.signal, clock.over]);
  const seen = new SeenOutcomes();
  let turns = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (!ended.aborted) {
      const turn = turns;
      // Bundles without elements are not repeated.
      const areEmpty = done >= bundles.length && clock.elements === 0;
      if (turn >= bundles.length && (!options.repeats || areEmpty)) return;
      const bundle = bundles[turn % bundles.length];
      if (bundle === undefined) return;
      turns += 1;
      const write = (chunk: OutcomeChunk): void => {
        if (turn < bundles.length) seen.add(chunk);
        freeBytes(chunk.results);
        freeBytes(chunk.errors);
        clock.add(chunk.elements);
      };
      await engine.process(bundle, { write }, { signal: ended });
      done += 1;
    }
  };
  using memory = watchMemory();
  const reportShare = (): void => options.onProgress?.(clock.share);
  reportShare();
  const reporting = setInterval(reportShare, LOOK_MILLIS);
  const lanes = Array.from({ length: engine.workers * BUNDLES_PER_WORKER }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    const isOver = clock.over.aborted;
    clock.end();
    await Promise.allSettled(lanes);
    if (!isOver || options.signal.aborted) throw error;
  } finally {
    clearInterval(reporting);
  }
  return {
    seen,
    measured: clock.measured(),
    peakMemoryBytes: memory.peak(),
    isRepeated: turns > bundles.length,
    isCut: clock.isCut,
  };
}

function watchMemory(): Disposable & { peak(): number } {
  let peakBytes = 0;
  const look = (): number => (peakBytes = Math.max(peakBytes, treeMemoryBytes()));
  const looking = setInterval(look, LOOK_MILLIS);
  return { peak: look, [Symbol.dispose]: () => clearInterval(looking) };
}

/** Times the warm-up and the measured period. Both end with an outcome, so all counted work was done in between. */
class SampleClock {
  readonly #options: RunSampleOptions;
  readonly #over = new AbortController();
  readonly #start = readMeters(0);
  readonly #warmUpMillis: number;
  #elements = 0;
  #firstAt: number | undefined;
  #warm: Reading | undefined;
  #end: Reading | undefined;
  #isCut = false;

  constructor(options: RunSampleOptions) {
    this.#options = options;
    this.#warmUpMillis = Math.min(MAX_WARM_UP_SECS, options.secs / 2) * 1000;
  }

  get elements(): number {
    return this.#elements;
  }

  /** Share of the measured period that is over, from 0 to 1. */
  get share(): number {
    if (this.#warm === undefined) return 0;
    return Math.min(1, (performance.now() - this.#warm.millis) / 1000 / this.#options.secs);
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  add(elements: number): void {
    if (this.over.aborted) return;
    this.#elements += elements;
    const now = performance.now();
    this.#firstAt ??= now;
    if (this.#warm === undefined) {
      if (now - this.#firstAt >= this.#warmUpMillis) this.#warm = readMeters(this.#elements);
      return;
    }
    if (this.share < 1) return;
    this.#isCut = true;
    this.end();
  }

  end(): void {
    this.#end ??= readMeters(this.#elements);
    this.#over.abort(new Error('the sample has ended'));
  }

  /** Returns the figures since the warm-up. If the input ended and the warm-up took longer than the rest, since the start. */
  measured(): Measured {
    const end = (this.#end ??= readMeters(this.#elements));
    const start = this.#start;
    const warm = this.#warm ?? start;
    const isShort = !this.#isCut && end.millis - warm.millis < warm.millis - start.millis;
    return between(isShort ? start : warm, end);
  }
}
