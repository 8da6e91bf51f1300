import type { DecodedRun } from '../decoded-run.ts';
import type { InputOptions, PageEntry } from '../format.ts';
import type { RecordParser } from '../pages.ts';
import type { FieldNames } from './field-use.ts';
import type { NumberBlocks } from './number-rows.ts';
import { type ElementReader, type ScannedFields, ScannedRows } from './scanned-rows.ts';

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
export function packingParser(general: RecordParser, options: PackingOptions): RecordParser<PageEntry> {
  const { scanner, blocks, reader, maxElementBytes, textStart, textEnd } = options;
  /** The rows that the last record is in, if it was packed. */
  let last: ScannedRows | undefined;
  return {
    parse(run, recordStart, recordEnd) {
      const start = textStart(run, recordStart, recordEnd);
      const end = textEnd(run, start, recordEnd);
      const mayPack = start < end && run.isUtf8 && end - start <= maxElementBytes;
      if (!mayPack || !scanner.scan(run.bytes, start, end)) {
        last = undefined;
        return general.parse(run, recordStart, recordEnd);
      }
      const isNew = last?.continuesWith(run, blocks) !== true;
      if (last === undefined || isNew) {
        const capacity = Math.min(blocks.room, recordsLeft(run, recordStart, recordEnd));
        last = new ScannedRows(run, recordStart, { blocks, reader, capacity });
      }
      last.add(recordStart, scanner);
      blocks.keep();
      return isNew ? last : undefined;
    },
    fail(run) {
      last = undefined;
      return general.fail(run);
    },
  };
}

/** Estimates the records of a run from one on, from its length. */
function recordsLeft({ bytes }: DecodedRun, start: number, end: number): number {
  return Math.ceil(((bytes.length - start) / (end - start)) * 1.1);
}

/** Returns the fields of ids and keys that are in the elements. */
export function fieldNames({ id, key }: Pick<InputOptions, 'id' | 'key'>): FieldNames {
  return { id, key: typeof key === 'string' ? key : undefined };
}
