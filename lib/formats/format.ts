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
  /** CSV: the column separator; TSV's is a tab. */
  readonly delimiter?: string;
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

/**
 * What one bundle covers. An element belongs to the bundle in whose range its first byte lies.
 * `firstIndex` is the index of the first element, for a JSON array; `header` the columns, for CSV and TSV.
 */
export interface BundleRange extends ByteRange {
  /** Whether the range was cut where elements start, so that neither the byte before it nor any past it need be read. */
  readonly aligned?: boolean;
  readonly firstIndex?: number;
  readonly header?: readonly string[];
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

/** Reads the elements of one range, in order, in pages: an async step for each page, none for each element. */
export type ReadElements = (
  source: ByteSource,
  range: BundleRange,
  input: InputOptions,
  options?: ReadOptions,
) => AsyncIterable<readonly ReadElement[]>;
