import type { ByteSource } from '../stores/byte-source.ts';
import type { ElementPacking, InputOptions, ReadElements, ReadOptions, ReadPacked } from './format.ts';
import type { ObjectDialect } from './plan.ts';
import type { OpenSplitter } from './records.ts';

/** A text format whose objects are read from front to back and split into records: lines, rows or array items. */
export interface RecordFormat {
  readonly positions: 'offset' | 'index';
  /** Splits an object's bytes where its records end, for a first pass. */
  splitter(input: InputOptions, dialect: ObjectDialect | undefined): OpenSplitter;
  /** Returns true if every line feed ends a record, so that an object can be cut without being read. */
  splitsAtLines(input: InputOptions): boolean;
  /** True if line endings within quotes are part of a field. @default false */
  readonly hasQuotedFields?: boolean;
  /** Finds where the first record can start, and reads what is before it; undefined if the object has no elements. */
  begin(object: ObjectToBegin): Promise<ObjectStart | undefined>;
  readonly read: ReadElements;
  /** @default a format that packs no numbers */
  readonly readPacked?: ReadPacked;
  packing(header: readonly string[], input: InputOptions): ElementPacking;
}

export interface ObjectToBegin extends ReadOptions {
  readonly source: ByteSource;
  readonly input: InputOptions;
}

export interface ObjectStart {
  readonly start: number;
  readonly header?: readonly string[];
  readonly dialect?: ObjectDialect;
}
