import type { ObjectInput } from '../elements/element.ts';
import { describeError, FabricError, type ErrorDescription } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import { checkImage } from './check-image.ts';
import type { ElementWatch, InputOptions, ReadElement, ReadOptions } from './format.ts';
import { ReadAhead } from './read-ahead.ts';
import { failedObject, readElement, tooLarge, UNKNOWN_CONTENT_TYPE } from './read-element.ts';

const PAGE_ELEMENTS = 64;
const PAGE_BYTES = 8 * 1024 * 1024;

export interface ObjectToRead {
  readonly uri: string;
  /** The element's. */
  readonly position: number;
  /** Why it must not even be opened: its element fails with this. */
  readonly failure?: ErrorDescription;
}

/** Opens an object; what is disposable is disposed once it was read. */
export type OpenObject<T extends ObjectToRead> = (object: T) => Promise<ByteSource & Partial<AsyncDisposable>>;

/**
 * Reads objects that are one element each, in order.
 *
 * An object that cannot be read is its element's failure. Only an error that says that it is not the object's own (a
 * FabricError whose disposition is not `poison`) is thrown, as is an abort.
 */
export async function* readObjects<T extends ObjectToRead>(
  objects: readonly T[],
  open: OpenObject<T>,
  input: InputOptions,
  options: ReadOptions = {},
): AsyncGenerator<readonly ReadElement[]> {
  const { watch } = options;
  if (watch !== undefined) return yield* readOneByOne(objects, open, input, { ...options, watch });
  let page: ReadElement[] = [];
  let pageBytes = 0;
  // While a page is worked on, the next one is read.
  await using ahead = new ReadAhead(objects, {
    read: (object, room) => readOne(object, open, input, { ...options, room }),
    bytesOf,
    maxAhead: PAGE_ELEMENTS,
    maxAheadBytes: PAGE_BYTES,
  });
  for (const { position, uri } of objects) {
    const outcome = await ahead.take();
    page.push('name' in outcome ? failedObject(position, outcome, uri) : readElement(position, outcome));
    pageBytes += bytesOf(outcome);
    if (page.length < PAGE_ELEMENTS && pageBytes < PAGE_BYTES) continue;
    yield page;
    page = [];
    pageBytes = 0;
  }
  if (page.length > 0) yield page;
}

/** Reads the next object only when it is asked for, so that nothing else goes on that might end the process. */
async function* readOneByOne<T extends ObjectToRead>(
  objects: readonly T[],
  open: OpenObject<T>,
  input: InputOptions,
  options: ReadOptions & { readonly watch: ElementWatch },
): AsyncGenerator<readonly ReadElement[]> {
  for (const [place, object] of objects.entries()) {
    const { position, uri } = object;
    const failure = options.watch.known(place);
    const known = failure === undefined ? object : { ...object, failure };
    const hold = (): Disposable => options.watch.hold(place);
    const outcome = await readOne(known, open, input, { ...options, room: enoughRoom, hold });
    yield ['name' in outcome ? failedObject(position, outcome, uri) : readElement(position, outcome)];
  }
}

function enoughRoom(): Promise<void> {
  return Promise.resolve();
}

type Outcome = ObjectInput | ErrorDescription;

function bytesOf(outcome: Outcome): number {
  return 'bytes' in outcome ? outcome.bytes.length : 0;
}

interface ReadOneOptions extends ReadOptions {
  readonly room: (bytes: number) => Promise<void>;
  /** Marks the check of the object's bytes. */
  readonly hold?: () => Disposable;
}

async function readOne<T extends ObjectToRead>(
  object: T,
  open: OpenObject<T>,
  input: InputOptions,
  { signal, room, hold }: ReadOneOptions,
): Promise<Outcome> {
  const { uri, failure: known } = object;
  if (known !== undefined) return known;
  try {
    signal?.throwIfAborted();
    const source = await open(object);
    try {
      if (source.byteLength > input.maxElementBytes) return tooLarge(input.maxElementBytes);
      await room(source.byteLength);
      const bytes = await readAll(source, signal ? { signal } : {});
      if (input.format !== 'images') return binary(bytes, uri);
      // Not while it is fetched: a store may be slow.
      using _held = hold?.();
      return await checkImage(bytes, uri, input.maxPixels);
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
