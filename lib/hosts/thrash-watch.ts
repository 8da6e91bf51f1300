import type { MemoryBound } from './resident-model.ts';

/** Time that is considered, and minimum time between two warnings. */
const WINDOW_MILLIS = 60_000;
/** Times are added up by the second, so that any number of batches takes little memory. */
const BUCKET_MILLIS = 1000;

export interface ThrashWatchOptions {
  /** The place of the step whose models they are, as a user finds it: `breast-cancer/steps[0]`. */
  readonly place: string;
  readonly maxModelsPerWorkerHint?: number;
  readonly maxModelBytes?: number;
  /** The input is grouped by key already. @default false */
  readonly groupsByKey?: boolean;
  readonly onThrash: (message: string) => void;
  /** Milliseconds that never go back. @default performance.now */
  readonly now?: () => number;
}

interface Bucket {
  readonly at: number;
  loadingMillis: number;
  inferringMillis: number;
  readonly evictedBy: Set<MemoryBound>;
}

/** Warns where, over a minute, loading models took more time than inferring, and some had been in memory before. */
export class ThrashWatch {
  readonly #options: ThrashWatchOptions;
  readonly #now: () => number;
  readonly #buckets: Bucket[] = [];
  #warnedAt = -Infinity;

  constructor(options: ThrashWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** A model was loaded. @param evictedBy the bound that it had to leave memory for; none where it had not been there */
  loaded(millis: number, evictedBy?: MemoryBound): void {
    const bucket = this.#bucket();
    bucket.loadingMillis += millis;
    if (evictedBy !== undefined) bucket.evictedBy.add(evictedBy);
    this.#look();
  }

  /** A batch has run. */
  inferred(millis: number): void {
    this.#bucket().inferringMillis += millis;
  }

  #look(): void {
    const bounds = new Set(this.#buckets.flatMap((bucket) => [...bucket.evictedBy]));
    const loadingMillis = this.#buckets.reduce((sum, bucket) => sum + bucket.loadingMillis, 0);
    const inferringMillis = this.#buckets.reduce((sum, bucket) => sum + bucket.inferringMillis, 0);
    if (bounds.size === 0 || loadingMillis <= inferringMillis) return;
    const now = this.#now();
    if (now - this.#warnedAt < WINDOW_MILLIS) return;
    this.#warnedAt = now;
    const times = `loading them took ${seconds(loadingMillis)} s in all, and inference ${seconds(inferringMillis)} s`;
    this.#options.onThrash(
      `${this.#options.place}: models are loaded again and again: in the last minute ${times}; ${this.#advice(bounds)}`,
    );
  }

  #advice(bounds: ReadonlySet<MemoryBound>): string {
    const { maxModelsPerWorkerHint, maxModelBytes, groupsByKey = false } = this.#options;
    const settings = [
      ...(bounds.has('models') ? [`'maxModelsPerWorkerHint' (${maxModelsPerWorkerHint})`] : []),
      ...(bounds.has('bytes') ? [`'maxModelBytes' (${maxModelBytes})`] : []),
    ];
    const raise = `raise ${settings.join(' and ')}`;
    return groupsByKey ? raise : `${raise}, or set 'input.groupByKey' so that one key's elements come together`;
  }

  /** That of now; those that are over are dropped. */
  #bucket(): Bucket {
    const now = this.#now();
    for (let oldest = this.#buckets[0]; oldest !== undefined && now - oldest.at >= WINDOW_MILLIS;) {
      this.#buckets.shift();
      [oldest] = this.#buckets;
    }
    const last = this.#buckets.at(-1);
    if (last !== undefined && now - last.at < BUCKET_MILLIS) return last;
    const bucket: Bucket = { at: now, loadingMillis: 0, inferringMillis: 0, evictedBy: new Set() };
    this.#buckets.push(bucket);
    return bucket;
  }
}

function seconds(millis: number): string {
  return (millis / 1000).toFixed(1);
}
