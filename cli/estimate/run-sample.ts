import type { Bundle, OutcomeChunk } from '../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { freeBytes } from '../../lib/stores/free-bytes.ts';
import { treeMemoryBytes } from './process-tree.ts';
import { SeenOutcomes } from './seen-outcomes.ts';
import { between, type Measured, type Reading, readMeters } from './work-meter.ts';

export interface RunSampleOptions {
  /** Seconds of work that are measured. */
  readonly secs: number;
  /** Whether bundles are run again where they do not last as long: not where each request is paid for. */
  readonly repeats: boolean;
  readonly signal: AbortSignal;
  /** Told what share is done, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

export interface Sample {
  /** What became of its elements, each counted once. */
  readonly seen: SeenOutcomes;
  readonly measured: Measured;
  readonly peakMemoryBytes: number;
  /** Whether some of it was run more than once. */
  readonly isRepeated: boolean;
  /** Whether it ended as its time was over, and not as there was no more to run. */
  readonly isCut: boolean;
}

/** As a run does: one that a worker works on, and one whose reading starts when that is read. */
const BUNDLES_PER_WORKER = 2;
const LOOK_MILLIS = 500;
/** From the first outcome on: code is compiled, batches find their size. */
const MOST_WARM_UP_SECS = 2;

/**
 * Runs bundles through the engine for some seconds, and measures what that takes once it has warmed up. Nothing is written.
 * However long the first outcomes take, they are waited for.
 *
 * @throws what the engine throws, or the signal's reason
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
      // Bundles may be without elements: then it is the same the next time.
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
  const tellShare = (): void => options.onProgress?.(clock.share);
  tellShare();
  const telling = setInterval(tellShare, LOOK_MILLIS);
  const lanes = Array.from({ length: engine.workers * BUNDLES_PER_WORKER }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    const isOver = clock.over.aborted;
    clock.end();
    await Promise.allSettled(lanes);
    if (!isOver || options.signal.aborted) throw error;
  } finally {
    clearInterval(telling);
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

/** Warm-up, then the time that counts; both end with outcomes, so that what is counted was all worked for in between. */
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
    this.#warmUpMillis = Math.min(MOST_WARM_UP_SECS, options.secs / 2) * 1000;
  }

  get elements(): number {
    return this.#elements;
  }

  /** How much of the time that counts is over. */
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

  /** From when it was warm; where there was no more to run, and more time passed before that than after, from the start. */
  measured(): Measured {
    const end = (this.#end ??= readMeters(this.#elements));
    const start = this.#start;
    const warm = this.#warm ?? start;
    const isShort = !this.#isCut && end.millis - warm.millis < warm.millis - start.millis;
    return between(isShort ? start : warm, end);
  }
}
