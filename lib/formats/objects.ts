import type { ObjectInput } from '../elements/element.ts';
import { describeError, FabricError, type ErrorDescription } from '../errors.ts';
import type { ByteSource } from '../stores/byte-source.ts';
import type { ElementWatch, InputOptions, ReadElement, ReadOptions } from './format.ts';
import { ReadAhead } from './read-ahead.ts';
import { failedObject, readElement, tooLarge } from './read-element.ts';
import { objectFormat } from './registry.ts';

const PAGE_ELEMENTS = 64;
const PAGE_BYTES = 8 * 1024 * 1024;

export interface ObjectToRead {
  readonly uri: string;
  /** Position of its element. */
  readonly position: number;
  /** Reason that it must not be opened: its element fails with this. */
  readonly failure?: ErrorDescription;
}

/** Opens an object. A source that is disposable is disposed after it was read. */
export type OpenObject<T extends ObjectToRead> = (object: T) => Promise<ByteSource & Partial<AsyncDisposable>>;

export interface ReadObjectsRequest<T extends ObjectToRead> extends ReadOptions {
  readonly objects: readonly T[];
  readonly open: OpenObject<T>;
  readonly input: InputOptions;
}

/**
 * Reads objects that are one element each, in order.
 *
 * An object that cannot be read is its element's failure. An error that is not the object's own (a FabricError whose
 * disposition is not `poison`) is thrown, and so is an abort.
 */
export async function* readObjects<T extends ObjectToRead>(
  request: ReadObjectsRequest<T>,
): AsyncGenerator<readonly ReadElement[]> {
  const { objects, watch } = request;
  if (watch !== undefined) return yield* readOneByOne({ ...request, watch });
  let page: ReadElement[] = [];
  let pageBytes = 0;
  // While the caller processes a page, the next one is read.
  await using ahead = new ReadAhead(objects, {
    read: (object, room) => readOne(object, { ...request, room }),
    bytesOf,
    maxAhead: PAGE_ELEMENTS,
    maxAheadBytes: PAGE_BYTES,
  });
  for (const { position, uri } of objects) {
    const outcome = await ahead.next();
    page.push('name' in outcome ? failedObject(position, outcome, uri) : readElement(position, outcome));
    pageBytes += bytesOf(outcome);
    if (page.length < PAGE_ELEMENTS && pageBytes < PAGE_BYTES) continue;
    yield page;
    page = [];
    pageBytes = 0;
  }
  if (page.length > 0) yield page;
}

/** Reads the next object only when the caller asks for it, so that nothing else runs that could end the process. */
async function* readOneByOne<T extends ObjectToRead>(
  request: ReadObjectsRequest<T> & { readonly watch: ElementWatch },
): AsyncGenerator<readonly ReadElement[]> {
  const { objects, watch } = request;
  for (const [place, object] of objects.entries()) {
    const { position, uri } = object;
    const failure = watch.known(place);
    const known = failure === undefined ? object : { ...object, failure };
    const hold = (): Disposable => watch.hold(place);
    const outcome = await readOne(known, { ...request, room: enoughRoom, hold });
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

interface ReadOneRequest<T extends ObjectToRead> extends ReadObjectsRequest<T> {
  /** Waits until the object's bytes have room among those that are read ahead. */
  readonly room: (bytes: number) => Promise<void>;
  /** Marks the check of the object's bytes. */
  readonly hold?: () => Disposable;
}

async function readOne<T extends ObjectToRead>(
  object: T,
  { open, input, signal, room, hold }: ReadOneRequest<T>,
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
      // Held only now, not while the bytes are fetched: a store can be slow.
      using _held = hold?.();
      return await objectFormat(input.format).decode(bytes, { uri, input });
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
  const message = `Cannot read the object: only ${bytes.length} of its ${source.byteLength} bytes were received`;
  throw new FabricError('SOURCE_CHANGED', message, { disposition: 'retry' });
}
