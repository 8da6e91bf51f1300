import type { ErrorDescription } from '../errors.ts';
import type { BundleRange } from '../formats/plan.ts';
import type { Measures } from './measures.ts';
import type { TokenUsage } from '../remote/token-usage.ts';
import type { ByteRange } from '../stores/byte-source.ts';

/** One object of a list that makes a bundle; its position is its place in the job's list. */
export interface BundleObject {
  /** A path, or `s3://<bucket>/<object key>`. */
  readonly uri: string;
  readonly versionId?: string;
  /** Only this content of the object; another is an object that is gone. */
  readonly etag?: string;
  /** The element's id, where the object stands for itself and not at a place in a list. */
  readonly id?: string;
  /** The key that `input.key: { segment }` counts in. @default none: its element has no such key */
  readonly path?: string;
  /** Why it must not be read: its element fails with this at stage `read`. */
  readonly failure?: ErrorDescription;
}

/**
 * Where a bundle's elements are read from: a range of one object, elements of one that were grouped by key, a list of
 * whole objects, or the elements themselves.
 *
 * A `chunk` holds the range's bytes and nothing else. So does what is `grouped`: its range is that in all that was staged
 * of the object. Elements are `{ id, key?, input }`; what is not fails at stage `read`; `ordinals` are their places in the
 * bundle where they are only some of it.
 */
export type BundleSource =
  | {
      readonly kind: 'range';
      readonly uri: string;
      readonly versionId?: string;
      readonly etag?: string;
      readonly range: BundleRange;
      readonly chunk?: boolean;
    }
  | {
      readonly kind: 'grouped';
      readonly uri: string;
      readonly range: ByteRange;
      /** The columns, for CSV and TSV. */
      readonly header?: readonly string[];
    }
  | { readonly kind: 'objects'; readonly objects: readonly BundleObject[]; readonly firstIndex: number }
  | { readonly kind: 'elements'; readonly elements: readonly unknown[]; readonly ordinals?: readonly number[] };

/** A contiguous run of elements of one job: the unit of work of an engine. */
export interface Bundle {
  /** Prefix of the ids of its elements. */
  readonly name: string;
  readonly source: BundleSource;
  /** Stated as `source` in the lines of failed elements, with each one's `position` and `ordinal` (its place in the bundle). */
  readonly address: Readonly<Record<string, unknown>>;
  /** Number of deliveries, this one included. From the second on, the bundle runs in a separate process. @default 1 */
  readonly receives?: number;
  /** Its elements at places below this one have their outcomes already: they are read, and nothing else. @default 0 */
  readonly skipElements?: number;
  /** Runs only the elements at these places, in ascending order. @default all */
  readonly only?: readonly number[];
  /** True if a missing source ends the bundle (`SOURCE_GONE`) instead of being one failed element. @default false */
  readonly needsSource?: boolean;
}

/**
 * Execution providers by what lines show of a model: `{ '0f3a…': ['cuda'] }`. Several in one session are `'tensorrt+cuda'`;
 * more than one entry means that copies of the model ran on different ones.
 */
export type Providers = Readonly<Record<string, readonly string[]>>;

/** Outcomes of consecutive elements, as they are written: a line each, in input order. */
export interface OutcomeChunk {
  readonly results: Uint8Array;
  readonly errors: Uint8Array;
  readonly elements: number;
  readonly succeeded: number;
  /** Failed elements by stage. */
  readonly failed: Readonly<Record<string, number>>;
  /** The models that made its predictions: digests, or names, by what the lines show of them. */
  readonly models: Readonly<Record<string, string>>;
  /** Execution providers of models that asked for a device, by model label; absent if no model did. */
  readonly providers?: Providers;
  /** Tokens that remote models counted for its elements, including failed ones; absent if no model did. */
  readonly usage?: TokenUsage;
  /** Work that was measured since the chunk before it. @default nothing was measured */
  readonly measures?: Measures;
  /** True if it ends within a batch of a fixed size: a bundle that continues after it has other batches. @default false */
  readonly isMidBatch?: boolean;
}

/** Takes a bundle's outcomes in input order. The engine waits for each write before it sends much more. */
export interface OutcomeSink {
  write(chunk: OutcomeChunk): void | Promise<void>;
}

/** Counts, models and timings of a processed bundle. */
export interface BundleSummary {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly failedByStage: Readonly<Record<string, number>>;
  /** Digests, or names, of the models that made the predictions, by what the lines show of them. */
  readonly models: Readonly<Record<string, string>>;
  /** Execution providers of models that asked for a device, by model label; absent if no model did. */
  readonly providers?: Providers;
  /** Tokens that remote models counted for its elements, including failed ones; absent if no model did. */
  readonly usage?: TokenUsage;
  /** Absent if no outcome came with measures. */
  readonly measures?: Measures;
  readonly elapsedMillis: number;
}
