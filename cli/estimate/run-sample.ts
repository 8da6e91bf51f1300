import type { Bundle, OutcomeChunk } from '../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../lib/inference/engine.ts';
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
  engine: InferenceEngine,
  options: RunSampleOptions,
): Promise<Sample> {
  const clock = new SampleClock(options);
  const ended = AbortSignal.any([options.signal, clock.over]);
  const seen = new SeenOutcomes();
  let turns = 0;
  const lane = async (): Promise<void> => {
    while (!ended.aborted) {
      const turn = turns;
      // Bundles may be without elements: then it is the same the next time.
      if (turn >= bundles.length && (!options.repeats || clock.elements === 0)) return;
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
    }
  };
  using memory = watchMemory();
  const lanes = Array.from({ length: engine.workers * BUNDLES_PER_WORKER }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    const isOver = clock.over.aborted;
    clock.end();
    await Promise.allSettled(lanes);
    if (!isOver || options.signal.aborted) throw error;
  }
  return { seen, measured: clock.measured(), peakMemoryBytes: memory.peak(), isRepeated: turns > bundles.length };
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

  constructor(options: RunSampleOptions) {
    this.#options = options;
    this.#warmUpMillis = Math.min(MOST_WARM_UP_SECS, options.secs / 2) * 1000;
  }

  get elements(): number {
    return this.#elements;
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
    const share = (now - this.#warm.millis) / 1000 / this.#options.secs;
    this.#options.onProgress?.(Math.min(1, share));
    if (share >= 1) this.end();
  }

  end(): void {
    this.#end ??= readMeters(this.#elements);
    this.#over.abort(new Error('the sample has ended'));
  }

  /** From when it was warm, or from the start where more time passed before that than after. */
  measured(): Measured {
    const end = (this.#end ??= readMeters(this.#elements));
    const start = this.#start;
    const warm = this.#warm ?? start;
    return between(end.millis - warm.millis < warm.millis - start.millis ? start : warm, end);
  }
}
