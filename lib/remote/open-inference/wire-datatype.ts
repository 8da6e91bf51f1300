import type { Datatype } from '../../models/tensor.ts';

/** Datatype of a server: those of the protocol, and Triton's BF16. A BF16 tensor is FP32 in this process. */
export type WireDatatype = Datatype | 'BF16';

const WIRE_DATATYPES = new Set<unknown>([
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
  'BF16',
] satisfies readonly WireDatatype[]);

export function isWireDatatype(value: unknown): value is WireDatatype {
  return WIRE_DATATYPES.has(value);
}

export function heldAs(datatype: WireDatatype): Datatype {
  return datatype === 'BF16' ? 'FP32' : datatype;
}

const BF16_BITS = 16;
/** Half of the value that is cut off, minus one: with the last bit that is kept, ties round to even (IEEE 754, 4.3.1). */
const ROUNDING = 0x7fff;

/** Returns the upper halves of float32 values, rounded to the nearest. */
export function toBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (word, index) => {
    // Rounding could turn a NaN into an infinity; a quiet one stays a NaN.
    if (Number.isNaN(values[index])) return (word >>> BF16_BITS) | 0x40;
    return (word + ROUNDING + ((word >>> BF16_BITS) & 1)) >>> BF16_BITS;
  });
}

/** Returns float32 values that have zeros in their lower halves, which is exact. */
export function fromBfloat16(bytes: Uint8Array): Float32Array {
  const halves = new Uint16Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / 2);
  return new Float32Array(Uint32Array.from(halves, (half) => half << BF16_BITS).buffer);
}
