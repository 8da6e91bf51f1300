import { imageSize } from 'image-size';
import type { ObjectInput } from '../elements/element.ts';
import { describeError, FabricError, type ErrorDescription } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import type { InputOptions, ReadElement, ReadOptions } from './format.ts';
import { failedObject, failure, readElement, tooLarge, UNKNOWN_CONTENT_TYPE } from './read-element.ts';

/** Enough to hide a store's latency; each may hold maxElementBytes. */
const CONCURRENT_READS = 8;
const PAGE_ELEMENTS = 64;
const PAGE_BYTES = 8 * 1024 * 1024;

export interface ObjectToRead {
  readonly uri: string;
}

/** Opens an object; what is disposable is disposed once it was read. */
export type OpenObject = (uri: string) => Promise<ByteSource & Partial<AsyncDisposable>>;

/**
 * Reads objects that are one element each, in order; `firstIndex` is the first one's position.
 *
 * An object that cannot be read is its element's failure. Only an error that says that it is not the object's own (a
 * FabricError whose disposition is not `poison`) is thrown, as is an abort.
 */
export async function* readObjects(
  objects: readonly ObjectToRead[],
  firstIndex: number,
  open: OpenObject,
  input: InputOptions,
  options: ReadOptions = {},
): AsyncGenerator<readonly ReadElement[]> {
  let page: ReadElement[] = [];
  let pageBytes = 0;
  for await (const read of readAhead(objects, (uri) => readOne(uri, open, input, options))) {
    const position = firstIndex + read.index;
    page.push(
      'name' in read.outcome ? failedObject(position, read.outcome, read.uri) : readElement(position, read.outcome),
    );
    pageBytes += 'bytes' in read.outcome ? read.outcome.bytes.length : 0;
    if (page.length < PAGE_ELEMENTS && pageBytes < PAGE_BYTES) continue;
    yield page;
    page = [];
    pageBytes = 0;
  }
  if (page.length > 0) yield page;
}

type Outcome = ObjectInput | ErrorDescription;

/** The outcomes in order, with a few reads under way ahead of the one that is waited for. */
async function* readAhead(
  objects: readonly ObjectToRead[],
  read: (uri: string) => Promise<Outcome>,
): AsyncGenerator<{ readonly index: number; readonly uri: string; readonly outcome: Outcome }> {
  const underWay: Promise<Outcome>[] = [];
  let next = 0;
  try {
    for (let index = 0; index < objects.length; index++) {
      for (; next < objects.length && underWay.length < CONCURRENT_READS; next++) {
        const object = objects[next];
        if (object === undefined) continue;
        const outcome = read(object.uri);
        // It is awaited in its turn; until then its rejection is no one's.
        outcome.catch(() => {});
        underWay.push(outcome);
      }
      const outcome = await underWay.shift();
      if (outcome !== undefined) yield { index, uri: objects[index]?.uri ?? '', outcome };
    }
  } finally {
    await Promise.allSettled(underWay);
  }
}

async function readOne(uri: string, open: OpenObject, input: InputOptions, { signal }: ReadOptions): Promise<Outcome> {
  try {
    signal?.throwIfAborted();
    const source = await open(uri);
    try {
      if (source.byteLength > input.maxElementBytes) return tooLarge(input.maxElementBytes);
      const bytes = await readAll(source, signal ? { signal } : {});
      return input.format === 'images' ? checkImage(bytes, uri, input.maxPixels) : binary(bytes, uri);
    } finally {
      await source[Symbol.asyncDispose]?.();
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof FabricError && error.disposition !== 'poison') throw error;
    return describeError(error);
  }
}

async function readAll(source: ByteSource, options: ReadOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.read({ start: 0, end: source.byteLength }, options)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (bytes.length === source.byteLength) return bytes;
  const message = `Cannot read the object: only ${bytes.length} of its ${source.byteLength} bytes came`;
  throw new FabricError('SOURCE_CHANGED', message, { disposition: 'retry' });
}

function binary(bytes: Uint8Array, uri: string): ObjectInput {
  return { bytes, contentType: UNKNOWN_CONTENT_TYPE, uri };
}

/** Looks at the image's header only; decoding is for those who need its pixels. */
function checkImage(bytes: Uint8Array, uri: string, maxPixels: number): Outcome {
  let size;
  try {
    size = imageSize(bytes);
  } catch {
    return failure('ImageDecodeError', 'The image cannot be decoded: its header is of no known type, or damaged');
  }
  const { width, height, type } = size;
  if (!(width > 0 && height > 0)) return failure('ImageDecodeError', 'The image cannot be decoded: it has no size');
  if (width * height <= maxPixels) return { bytes, contentType: contentTypeOf(type), uri };
  const message = `The image has ${width} × ${height} pixels, more than maxPixels, ${maxPixels}`;
  return failure('ImageTooLarge', message);
}

function contentTypeOf(type: string | undefined): string {
  switch (type) {
    case undefined:
      return UNKNOWN_CONTENT_TYPE;
    case 'jpg':
      return 'image/jpeg';
    case 'svg':
      return 'image/svg+xml';
    default:
      return `image/${type}`;
  }
}
