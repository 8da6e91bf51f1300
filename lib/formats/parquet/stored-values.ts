import type { SchemaElement } from 'hyparquet';
import { deltaBinaryUnpack, deltaLengthByteArray } from 'hyparquet/src/delta.js';
import { byteStreamSplit } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import type { ColumnValues } from './column-values.ts';
import { readRuns } from './run-lengths.ts';

const LENGTH_BYTES = 4;

/** The part of a page with its values. */
export interface EncodedValues {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly encoding: string;
}

/** Decodes the values of a page that has no dictionary. @throws if it is damaged, or its encoding is not known */
export function storedValues({ bytes, count, encoding }: EncodedValues, element: SchemaElement): ColumnValues {
  const { type_length } = element;
  // A leaf has a type.
  const type = element.type ?? 'BYTE_ARRAY';
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  switch (encoding) {
    case 'PLAIN':
      return readPlain(reader, type, count, type_length);
    case 'RLE':
      return booleans(bytes, count);
    case 'BYTE_STREAM_SPLIT':
      return byteStreamSplit(reader, count, type, type_length);
    case 'DELTA_BINARY_PACKED': {
      const values = type === 'INT32' ? new Int32Array(count) : new BigInt64Array(count);
      if (count > 0) deltaBinaryUnpack(reader, count, values);
      return values;
    }
    case 'DELTA_LENGTH_BYTE_ARRAY': {
      const values: Uint8Array[] = [];
      if (count > 0) deltaLengthByteArray(reader, count, values);
      return values;
    }
    case 'DELTA_BYTE_ARRAY':
      return count === 0 ? [] : withPrefixes(reader, count);
    default:
      throw new RangeError(`its encoding, ${encoding}, is not supported`);
  }
}

function booleans(bytes: Uint8Array, count: number): ColumnValues {
  const places = readRuns({ bytes, start: LENGTH_BYTES, end: bytes.length, width: 1 }, count);
  return Array.from(places, (place) => place === 1);
}

/** Decodes texts that begin with a part of the one before. */
function withPrefixes(reader: { view: DataView; offset: number }, count: number): Uint8Array[] {
  const prefixes = new Int32Array(count);
  const suffixes: Uint8Array[] = [];
  deltaBinaryUnpack(reader, count, prefixes);
  deltaLengthByteArray(reader, count, suffixes);
  let last = new Uint8Array();
  return suffixes.map((suffix, index) => {
    const prefix = prefixes[index] ?? 0;
    if (prefix < 0 || prefix > last.length) throw new RangeError('a value begins with more than the one before has');
    const value = new Uint8Array(prefix + suffix.length);
    value.set(last.subarray(0, prefix));
    value.set(suffix, prefix);
    last = value;
    return value;
  });
}
