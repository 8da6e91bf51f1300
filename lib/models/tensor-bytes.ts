import { type Datatype, type Tensor, type TensorData, viewOf } from './tensor.ts';

/**
 * A tensor's values as raw little-endian bytes, in the binary form of the Open Inference Protocol v2:
 * numbers as they lie in memory, each BYTES value as its length (uint32) and its UTF-8 bytes.
 */
export function bytesOfTensor(tensor: Tensor): Uint8Array {
  if (tensor.datatype === 'BYTES') return encodeStrings(tensor.data as readonly string[]);
  const data = tensor.data as Exclude<TensorData, readonly string[]>;
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

/** The reverse of {@link bytesOfTensor}: a view, not a copy, for numbers. */
export function tensorOfBytes(datatype: Datatype, shape: readonly number[], bytes: Uint8Array): Tensor {
  return { datatype, shape, data: datatype === 'BYTES' ? decodeStrings(bytes) : viewOf(datatype, bytes) };
}

function encodeStrings(values: readonly string[]): Uint8Array {
  const encoded = values.map((value) => Buffer.from(value, 'utf8'));
  const total = encoded.reduce((sum, bytes) => sum + 4 + bytes.byteLength, 0);
  const out = Buffer.from(new ArrayBuffer(total));
  let offset = 0;
  for (const bytes of encoded) {
    offset = out.writeUInt32LE(bytes.byteLength, offset);
    offset += bytes.copy(out, offset);
  }
  return out;
}

function decodeStrings(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: string[] = [];
  for (let offset = 0; offset < buffer.byteLength;) {
    const end = offset + 4 + buffer.readUInt32LE(offset);
    values.push(buffer.toString('utf8', offset + 4, end));
    offset = end;
  }
  return values;
}
