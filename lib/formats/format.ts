import type { ErrorDescription } from '../errors.ts';
import type { ByteRange, ByteSource } from '../stores/byte-source.ts';

export type LineFormatName = 'jsonl' | 'json' | 'csv' | 'tsv' | 'text';
export type ObjectFormatName = 'images' | 'binary';
export type FormatName = LineFormatName | ObjectFormatName;

/** How a pipeline's input is read; defaults are filled in by the configuration. */
export interface InputOptions {
  readonly format: FormatName;
  /** Uncompressed bytes of a bundle, for formats that are cut by bytes. */
  readonly bundleBytes: number;
  /** Elements of a bundle, for rows and objects. */
  readonly bundleElements: number;
  readonly maxElementBytes: number;
  readonly maxPixels: number;
  /** Maximum bytes of a compressed object after decompression. @default 20 GiB */
  readonly maxUncompressedBytes?: number;
  /**
   * Maximum elements of one object, or entries of a manifest. Elements are counted as lines or array items, if the
   * object is read to be planned; the number in an object that is cut without being read is bounded by its size.
   *
   * @default 100000000
   */
  readonly maxElements?: number;
  /** CSV and TSV: maximum columns. @default 100000 */
  readonly maxColumns?: number;
  /** Fields that contain an element's id, its key (or a segment of the object's key) and its arguments. */
  readonly id?: string;
  readonly key?: string | { readonly segment: number };
  readonly inferenceArgs?: string;
  /** CSV: the column separator; TSV's is a tab. */
  readonly delimiter?: string;
  /**
   * CSV and TSV: true if the first row contains the names of the columns. A list contains the names, and the first row
   * is data. With `false` an element's input is the array of its fields.
   *
   * @default true, but a first row of only numbers is refused
   */
  readonly header?: boolean | readonly string[];
  /**
   * CSV: true if functions get whole rows, and so may use any column. Then column names must be unique. If only a
   * model's inputs are read, columns that are not inputs can share a name. The pipeline's steps decide it.
   *
   * @default false
   */
  readonly wholeRows?: boolean;
  /** CSV: whether a quoted field may hold a line break (default true); where not, the file is cut unread. */
  readonly quotedNewlines?: boolean;
}

/**
 * One element as its format read it: `input`, or the `failure` that says why there is none.
 * `position` is the byte offset in the uncompressed object, or the index in an array or a list of objects.
 * `raw` is the element's own text: JSON text for `jsonl` and `json`, else the text that could not be parsed.
 */
export interface ReadElement {
  readonly position: number;
  readonly input: unknown;
  readonly raw: string | undefined;
  readonly failure: ErrorDescription | undefined;
}

/** Properties of how an object is written, detected from its own bytes. */
export interface ObjectDialect {
  /** CSV: the column separator that its first line names, as `sep=;` does. */
  readonly delimiter?: string;
  /** True if lines end with a carriage return and no line feed. */
  readonly carriageReturns?: true;
}

/**
 * What one bundle covers. An element belongs to the bundle in whose range its first byte lies.
 * `firstIndex` is the index of the first element, for a JSON array; `header` the columns, for CSV and TSV.
 */
export interface BundleRange extends ByteRange {
  /** Whether the range was cut where elements start, so that neither the byte before it nor any past it need be read. */
  readonly aligned?: boolean;
  /** True if a line starts where the range does, such as behind a byte order mark. A range from 0 needs no mark. */
  readonly startsLine?: boolean;
  readonly firstIndex?: number;
  readonly header?: readonly string[];
  readonly dialect?: ObjectDialect;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** Follows the elements as they are read. @default none */
  readonly watch?: ElementWatch;
}

/**
 * Follows which element is being read, by its place among all that are read, so that one that ends the process, or is
 * never done, can be named. A record counts by the place of its first element.
 */
export interface ElementWatch {
  /** Returns the failure of an element that is known to end its process: it is not read. */
  known(place: number): ErrorDescription | undefined;
  /** Runs the reading of an element. */
  run<T>(place: number, read: () => T): T;
  /** Marks reading that is awaited, until it is disposed. */
  hold(place: number): Disposable;
}

/** Reads the elements of one range, in order, in pages: an async step for each page, none for each element. */
export type ReadElements = (
  source: ByteSource,
  range: BundleRange,
  input: InputOptions,
  options?: ReadOptions,
) => AsyncIterable<readonly ReadElement[]>;
