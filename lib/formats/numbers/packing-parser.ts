import type { DecodedRun } from '../decoded-run.ts';
import type { InputOptions } from '../format.ts';
import type { RecordParser } from '../pages.ts';
import type { FieldNames } from './field-use.ts';
import type { NumberBlocks } from './number-rows.ts';
import { type ElementReader, PackedText, type ScannedFields } from './packed-text.ts';

/** Scans the elements of one format for numbers. */
export interface ElementScanner extends ScannedFields {
  /** Writes the numbers of the element `[start, end)` into the next row. Returns false if it is left to the general reader. */
  scan(bytes: Buffer, start: number, end: number): boolean;
}

/** Finds the text of a record in a run: its start, or its end. */
export type TextBorder = (run: DecodedRun, start: number, end: number) => number;

export interface PackingOptions {
  readonly scanner: ElementScanner;
  /** The rows that the scanner fills. */
  readonly blocks: NumberBlocks;
  readonly reader: ElementReader;
  readonly maxElementBytes: number;
  readonly textStart: TextBorder;
  readonly textEnd: TextBorder;
}

/** Packs the numbers of records that a scanner understands, and leaves all others to the general parser. */
export function packingParser(general: RecordParser, options: PackingOptions): RecordParser {
  const { scanner, blocks, reader, maxElementBytes, textStart, textEnd } = options;
  return {
    parse(run, recordStart, recordEnd) {
      const start = textStart(run, recordStart, recordEnd);
      const end = textEnd(run, start, recordEnd);
      const mayPack = start < end && run.isUtf8 && end - start <= maxElementBytes;
      if (!mayPack || !scanner.scan(run.bytes, start, end)) return general.parse(run, recordStart, recordEnd);
      const element = new PackedText(run, run.position + recordStart, scanner, blocks, reader);
      blocks.keep();
      return element;
    },
    fail: (run) => general.fail(run),
  };
}

/** Returns the fields of ids and keys that are in the elements. */
export function fieldNames({ id, key }: Pick<InputOptions, 'id' | 'key'>): FieldNames {
  return { id, key: typeof key === 'string' ? key : undefined };
}
