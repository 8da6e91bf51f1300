import type { Tensor } from '../tensor.ts';
import type { Pooling } from './sentence-modules.ts';

/** Vectors of tokens: [texts, tokens, size], row after row. */
export interface TokenVectors {
  readonly data: Float32Array;
  readonly texts: number;
  readonly tokens: number;
  readonly size: number;
}

/** Smallest length by which a vector is divided, as in PyTorch's `normalize`. */
const MIN_LENGTH = 1e-12;

/**
 * Returns one vector for each text, computed from the tokens that are not padding.
 *
 * @param mask - 1 for tokens that are not padding, [texts, tokens]
 */
export function poolTokens(
  vectors: TokenVectors,
  mask: ArrayLike<number>,
  pooling: Exclude<Pooling, 'none'>,
): Float32Array {
  const { texts, tokens, size } = vectors;
  const pooled = new Float32Array(texts * size);
  for (let text = 0; text < texts; text += 1) {
    const own = pooled.subarray(text * size, (text + 1) * size);
    const places = placesOf(mask, text * tokens, tokens);
    switch (pooling) {
      case 'mean':
        mean(vectors, places, own);
        break;
      case 'max':
        largest(vectors, places, own);
        break;
      case 'cls':
        own.set(vectorAt(vectors, places[0] ?? text * tokens));
        break;
      case 'last':
        own.set(vectorAt(vectors, places.at(-1) ?? text * tokens));
        break;
    }
  }
  return pooled;
}

/** Divides each vector by its length. */
export function normalizeVectors(vectors: Float32Array, size: number): void {
  for (let start = 0; start < vectors.length; start += size) {
    let sum = 0;
    for (let index = start; index < start + size; index += 1) sum += (vectors[index] ?? 0) ** 2;
    const length = Math.max(Math.sqrt(sum), MIN_LENGTH);
    for (let index = start; index < start + size; index += 1) vectors[index] = (vectors[index] ?? 0) / length;
  }
}

/** Returns the values of an attention mask as numbers, its low halves if they have 64 bits. */
export function maskOf({ data, datatype }: Tensor): ArrayLike<number> {
  if (datatype !== 'INT64') return data as Int32Array;
  const { buffer, byteOffset, length } = data as BigInt64Array;
  const halves = new Int32Array(buffer as ArrayBuffer, byteOffset, length * 2);
  return Int32Array.from({ length }, (_, index) => halves[index * 2] ?? 0);
}

function placesOf(mask: ArrayLike<number>, start: number, tokens: number): readonly number[] {
  const places: number[] = [];
  for (let place = start; place < start + tokens; place += 1) if (mask[place] !== 0) places.push(place);
  return places;
}

function vectorAt({ data, size }: TokenVectors, place: number): Float32Array {
  return data.subarray(place * size, (place + 1) * size);
}

function mean({ data, size }: TokenVectors, places: readonly number[], into: Float32Array): void {
  const sums = new Float64Array(size);
  for (const place of places) {
    const start = place * size;
    for (let index = 0; index < size; index += 1) sums[index] = (sums[index] ?? 0) + (data[start + index] ?? 0);
  }
  const count = Math.max(places.length, 1);
  for (let index = 0; index < size; index += 1) into[index] = (sums[index] ?? 0) / count;
}

function largest({ data, size }: TokenVectors, places: readonly number[], into: Float32Array): void {
  into.fill(-Infinity);
  for (const place of places) {
    const start = place * size;
    for (let index = 0; index < size; index += 1) into[index] = Math.max(into[index] ?? 0, data[start + index] ?? 0);
  }
}
