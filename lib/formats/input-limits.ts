import { FabricError } from '../errors.ts';

/** Bytes that one run of a function on AWS can decompress and stage. */
export const DEFAULT_MAX_UNCOMPRESSED_BYTES = 20 * 1024 ** 3;

/** Elements of an object: more than a day of work at a thousand predictions per second. */
export const DEFAULT_MAX_ELEMENTS = 100_000_000;

/** Columns of a row: this number takes about 15 MB of memory, and a third of a second. */
export const DEFAULT_MAX_COLUMNS = 100_000;

/** Room of a place that keeps decompressed bytes, if that is less than the configuration allows. */
export interface StagingRoom {
  readonly byteLength: number;
  /** Advice for a larger object. */
  readonly advice: string;
}

/** Returns the bytes that an object may have when it is decompressed, and the error of one that has more. */
export function uncompressedLimit(
  maxUncompressedBytes = DEFAULT_MAX_UNCOMPRESSED_BYTES,
  room?: StagingRoom,
): { readonly byteLength: number; readonly error: () => FabricError } {
  if (room !== undefined && room.byteLength < maxUncompressedBytes) {
    const { byteLength, advice } = room;
    const message = `Cannot decompress the object: it has more than ${byteLength} uncompressed bytes, for which there is no room: ${advice}`;
    return { byteLength, error: () => new FabricError('TOO_LARGE_UNCOMPRESSED', message) };
  }
  const message = `Cannot decompress the object: it has more than ${maxUncompressedBytes} uncompressed bytes, the limit of 'input.maxUncompressedBytes': raise that, or split the object`;
  return { byteLength: maxUncompressedBytes, error: () => new FabricError('TOO_LARGE_UNCOMPRESSED', message) };
}

/** Returns the error of an object with more elements than `input.maxElements`. */
export function tooManyElements(maxElements: number): FabricError {
  const message = `Cannot plan the object: it has more than ${maxElements} elements, the limit of 'input.maxElements': raise that, or split the object`;
  return new FabricError('TOO_MANY_ELEMENTS', message);
}
