import type { ObjectInput } from '../elements/element.ts';
import type { ErrorDescription } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import type { NumberRequest } from './numbers/number-request.ts';
import type { PackedRows } from './numbers/packed-element.ts';
import type { BundleRange, CutsPlan, ObjectPlan } from './plan.ts';

/**
 * How the objects of a format are read. `holds` says whether an object holds many elements, such as lines or rows, or
 * whether it is one element as a whole.
 *
 * A format is an entry of `registry.ts`; nothing else knows which formats there are.
 */
export type Format = ElementsFormat | ObjectFormat;

/** A format whose objects hold many elements. An object is planned once, then each bundle reads its range. */
export interface ElementsFormat {
  readonly holds: 'many';
  /** Meaning of an element's position: the offset of its first byte in the uncompressed object, or its index. */
  readonly positions: 'offset' | 'index';
  /** Returns true if an object that is not compressed is planned from its first or last bytes, without being read. */
  plansUnread(input: InputOptions): boolean;
  /**
   * Plans the bundles of an object.
   *
   * @throws FabricError if the object as a whole can't be read.
   */
  plan(request: PlanRequest): Promise<PlanStep>;
  readonly read: ReadElements;
  /**
   * Reads elements with their numbers packed into rows, as far as the format understands them; undefined if it packs
   * nothing. Any other element is read as usual. @default a format that packs no numbers
   */
  readonly readPacked?: ReadPacked;
  /** @param header - the columns of the object, for formats that have them. */
  packing(header: readonly string[], input: InputOptions): ElementPacking;
}

/** A format whose objects are one element each. */
export interface ObjectFormat {
  readonly holds: 'one';
  /** Makes the element's input from the bytes of its object, or describes why it can't be made. */
  decode(bytes: Uint8Array, object: ObjectToDecode): Promise<ObjectInput | ErrorDescription>;
}

export interface ObjectToDecode {
  readonly uri: string;
  readonly input: InputOptions;
}

/** Options for reading a pipeline's input; the configuration fills in the defaults. */
export interface InputOptions {
  /** Name of the format in the registry. */
  readonly format: string;
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
  /** CSV, TSV and Parquet: maximum columns. @default 100000 */
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
  /**
   * CSV, TSV and Parquet: columns that a model reads. An object without one of them is refused. The pipeline's steps decide it.
   *
   * @default any columns will do
   */
  readonly neededColumns?: readonly string[];
  /**
   * Parquet: columns to read, with those of ids, keys and arguments.
   *
   * @default all; the columns of the model's declared inputs if nothing else uses an element
   */
  readonly columns?: readonly string[];
  /** Parquet: with `hive`, the folders of an object, such as `country=us`, are fields of its rows. @default 'none' */
  readonly partitioning?: 'none' | 'hive';
  /** CSV: false if no quoted field contains a line break: then a file is cut without being read. @default true */
  readonly quotedNewlines?: boolean;
}

/**
 * One element as its format read it: `input`, or the `failure` that describes why it has no input.
 * `position` is the byte offset in the uncompressed object, or the index in an array or a list of objects.
 * `raw` is the element's own text: JSON text for `jsonl` and `json`, else the text that could not be parsed.
 */
export interface ReadElement {
  readonly position: number;
  readonly input: unknown;
  readonly raw: string | undefined;
  readonly failure: ErrorDescription | undefined;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** Follows the elements as they are read. @default none */
  readonly watch?: ElementWatch;
}

/**
 * Follows which element is being read, by its place among all that are read, so that one that ends the process, or
 * never ends, can be named. A record counts by the place of its first element.
 */
export interface ElementWatch {
  /** Returns the failure of an element that is known to end its process: it is not read. */
  known(place: number): ErrorDescription | undefined;
  /** Runs the reading of an element. */
  run<T>(place: number, read: () => T): T;
  /** Marks reading that is awaited, until it is disposed. */
  hold(place: number): Disposable;
}

/** A range of an object to read. */
export interface ReadRequest extends ReadOptions {
  readonly source: ByteSource;
  /** Name of the object, with its folders. @default not known: no fields come from it */
  readonly name?: string;
  readonly range: BundleRange;
  readonly input: InputOptions;
}

/** Reads the elements of one range, in order, in pages: an async step for each page, none for each element. */
export type ReadElements = (request: ReadRequest) => AsyncIterable<readonly ReadElement[]>;

/** An element, or several whose numbers were packed. */
export type PageEntry = ReadElement | PackedRows;

/** Reads the elements of one range in order, in pages; undefined if no number can be packed as it is asked for. */
export type ReadPacked = (
  request: Omit<ReadRequest, 'watch'>,
  numbers: NumberRequest,
) => AsyncIterable<readonly PageEntry[]> | undefined;

/** Writes an element that could be read as a text, from which it can be read again. */
export interface ElementPacking {
  pack(element: ReadElement): string;
  unpack(text: string, position: number): ReadElement;
}

/** Writes the bytes of one bundle, in the order of bundles; awaited before more is read. */
export type StageBundle = (index: number, bytes: Uint8Array) => Promise<void>;

/** An object to plan. */
export interface PlanRequest {
  /** The uncompressed object. If it `isCompressed`, its length is unknown (Infinity), and each read decompresses from its start. */
  readonly source: ByteSource;
  /** Name of the object, with its folders. @default not known: no fields come from it */
  readonly name?: string;
  readonly input: InputOptions;
  readonly isCompressed: boolean;
  /** Plans only this number of elements: the plan covers the part of the object that holds them. */
  readonly limit?: number | undefined;
  /** Writes the uncompressed bytes of each bundle, if the object is compressed. */
  readonly stage?: StageBundle | undefined;
  /** The plan of an earlier step, which this one continues. */
  readonly from?: CutsPlan | undefined;
  /** Aborted when this step must end. A step that made progress returns it, others throw the reason. */
  readonly stop?: AbortSignal | undefined;
  readonly signal?: AbortSignal;
}

/** A plan, or the part of it that one step could make: the next step continues `from` it. */
export type PlanStep =
  | {
      readonly isWhole: true;
      readonly plan: ObjectPlan;
      /** True if the object has more elements than the limit, which the plan omits. @default false */
      readonly isPrefix?: boolean;
    }
  | { readonly isWhole: false; readonly plan: CutsPlan };
