import { allocate, type Datatype, elementsOf, type Tensor, widthOf } from '../../models/tensor.ts';
import { bytesOfTensor, tensorOfBytes } from '../../models/tensor-bytes.ts';
import { NotTheProtocolError } from '../http/http-client.ts';
import { fromBfloat16, heldAs, toBfloat16, type WireDatatype } from './wire-datatype.ts';

/** Header with the length of the JSON before the tensors: `Inference-Header-Content-Length`. */
export const HEADER_LENGTH = 'inference-header-content-length';

/** Name, datatype and shape of a server's output. */
export interface OutputLayout<Type extends WireDatatype = Datatype> {
  readonly name: string;
  readonly datatype: Type;
  readonly shape: readonly number[];
}

/** Returns a tensor's values as raw bytes, in the datatype of the model's input. */
export function binaryOfTensor(tensor: Tensor, datatype: WireDatatype): Uint8Array {
  if (datatype !== 'BF16') return bytesOfTensor(tensor);
  const halves = toBfloat16(tensor.data as Float32Array);
  return new Uint8Array(halves.buffer);
}

/** @throws NotTheProtocolError if the number of bytes does not match shape and datatype. */
export function tensorOfBinary({ name, datatype, shape }: OutputLayout<WireDatatype>, bytes: Uint8Array): Tensor {
  const length = elementsOf(shape);
  const held = heldAs(datatype);
  const wrong = new NotTheProtocolError(
    `${bytes.byteLength} bytes for its output '${name}' of datatype ${datatype} and shape [${shape.join(', ')}]`,
  );
  if (datatype === 'BYTES') {
    if (countOfStrings(bytes) !== length) throw wrong;
    return tensorOfBytes(held, shape, bytes);
  }
  const width = datatype === 'BF16' ? 2 : widthOf(held);
  if (bytes.byteLength !== length * width) throw wrong;
  // A copy, because the position of the values in the body may not be aligned to their type.
  const aligned = new Uint8Array(allocate('UINT8', bytes.byteLength).buffer as ArrayBuffer);
  aligned.set(bytes);
  if (datatype === 'BF16') return { datatype: held, shape, data: fromBfloat16(aligned) };
  return tensorOfBytes(held, shape, aligned);
}

/** Returns the number of strings in the bytes, each after its length; undefined if a length points past the end. */
function countOfStrings(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  let offset = 0;
  while (offset < bytes.byteLength) {
    if (offset + 4 > bytes.byteLength) return undefined;
    offset += 4 + view.getUint32(offset, true);
    count += 1;
  }
  return offset === bytes.byteLength ? count : undefined;
}
