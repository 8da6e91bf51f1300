import type { ErrorDescription } from '../../errors.ts';
import type { ElementPacking, ReadElement } from '../format.ts';
import { failedElement } from '../read-element.ts';

/*
 * The format of an element that is staged, while elements are sorted by key and in the resulting bundles. Little-endian:
 *
 *     bytes u32 (of the whole record) · rank u32 · bytes of the key u32 · position f64 · failed u8 · key UTF-16 · text UTF-8
 *
 * The text is the element, packed by its format; for an element that could not be read it is the failure, in JSON.
 */

const RANK = 4;
const KEY_BYTES = 8;
const POSITION = 12;
const FAILED = 20;
const HEAD_BYTES = 21;

/** Bytes of a record before its key; they include the length of the key. */
export const RECORD_HEAD_BYTES = HEAD_BYTES;

export interface RecordKey {
  readonly rank: number;
  /** The key; empty for elements without one, which have a separate rank. */
  readonly key: string;
}

/** A record to write. */
export interface PackedRecord extends RecordKey {
  readonly bytes: number;
  readonly position: number;
  readonly failed: boolean;
  readonly text: string;
}

export function packRecord(read: ReadElement, { rank, key }: RecordKey, packing: ElementPacking): PackedRecord {
  const { position, failure, raw } = read;
  const failed = failure !== undefined;
  const text = failed ? packFailure(failure, raw) : packing.pack(read);
  return { bytes: HEAD_BYTES + 2 * key.length + Buffer.byteLength(text), rank, key, position, failed, text };
}

export function writeRecord(target: Buffer, start: number, record: PackedRecord): void {
  const { bytes, rank, key, position, failed, text } = record;
  target.writeUInt32LE(bytes, start);
  target.writeUInt32LE(rank, start + RANK);
  target.writeUInt32LE(2 * key.length, start + KEY_BYTES);
  target.writeDoubleLE(position, start + POSITION);
  target.writeUInt8(failed ? 1 : 0, start + FAILED);
  target.write(key, start + HEAD_BYTES, 'utf16le');
  target.write(text, start + HEAD_BYTES + 2 * key.length, 'utf8');
}

interface PackedFailure extends ErrorDescription {
  readonly raw?: string;
}

function packFailure({ name, message }: ErrorDescription, raw: string | undefined): string {
  return JSON.stringify({ name, message, ...(raw === undefined ? {} : { raw }) } satisfies PackedFailure);
}

export function recordBytes(bytes: Buffer, start: number): number {
  return bytes.readUInt32LE(start);
}

/** Returns the bytes of a record up to the end of its key. */
export function keyedBytes(bytes: Buffer, start: number): number {
  return HEAD_BYTES + bytes.readUInt32LE(start + KEY_BYTES);
}

export function recordRank(bytes: Buffer, start: number): number {
  return bytes.readUInt32LE(start + RANK);
}

export function recordKey(bytes: Buffer, start: number): string {
  return bytes.toString('utf16le', start + HEAD_BYTES, start + keyedBytes(bytes, start));
}

/** Returns the failed element of a complete record that must not be unpacked. */
export function refusedRecord(bytes: Buffer, start: number, failure: ErrorDescription): ReadElement {
  return failedElement(bytes.readDoubleLE(start + POSITION), failure, recordText(bytes, start));
}

function recordText(bytes: Buffer, start: number): string {
  return bytes.toString('utf8', start + keyedBytes(bytes, start), start + recordBytes(bytes, start));
}

/** Returns the element of a complete record. */
export function unpackRecord(bytes: Buffer, start: number, packing: ElementPacking): ReadElement {
  const position = bytes.readDoubleLE(start + POSITION);
  const text = recordText(bytes, start);
  if (bytes[start + FAILED] === 0) return packing.unpack(text, position);
  // It has the type with which it was packed.
  const { name, message, raw } = JSON.parse(text) as PackedFailure;
  return failedElement(position, { name, message }, raw);
}
