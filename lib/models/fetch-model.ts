import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FabricError, ModelLoadError } from '../errors.ts';
import type { ObjectAddress, ObjectStore } from '../stores/object-store.ts';
import { parseS3Uri, s3Uri } from '../stores/open-source.ts';
import { externalLocations } from './model-digest.ts';

/** Where fetched models are kept, a folder for each version. */
const CACHE_FOLDER = 'inference-fabric-models';

export interface FetchModelOptions {
  /** @default S3 */
  readonly store?: ObjectStore;
  /** @default a folder of the system's temporary one */
  readonly cache?: string;
}

/** One object of a model, as it is now. */
interface ModelObject {
  readonly address: ObjectAddress;
  readonly etag: string;
  /** Its path in the model's folder. */
  readonly name: string;
}

export function isS3Uri(uri: string): boolean {
  return uri.startsWith('s3://');
}

/**
 * Fetches a model from S3, with the files that hold its weights where it has such, unless this version of it is here.
 *
 * @returns the path of its file.
 * @throws ModelLoadError where it is not there, or this process may not read it.
 */
export async function fetchModel(uri: string, options: FetchModelOptions = {}): Promise<string> {
  const { cache = join(tmpdir(), CACHE_FOLDER) } = options;
  if (options.store !== undefined) return fetchFrom(options.store, uri, cache);
  const { openS3ObjectStore } = await import('../stores/s3-object-store.ts');
  using store = openS3ObjectStore();
  return await fetchFrom(store, uri, cache);
}

async function fetchFrom(store: ObjectStore, uri: string, cache: string): Promise<string> {
  const { bucket, key } = addressOf(uri);
  const model = await find(store, { bucket, key }, posix.basename(key));
  const folder = join(cache, digestOf([model]));
  await fetchInto(folder, model, store);
  const path = join(folder, model.name);
  const locations = externalLocations(await readFile(path));
  if (locations.length === 0) return path;
  const weights = await Promise.all(
    locations.map((location) => {
      const name = insideFolder(location, uri);
      return find(store, { bucket, key: posix.join(posix.dirname(key), name) }, name);
    }),
  );
  const whole = join(cache, digestOf([model, ...weights]));
  for (const object of [model, ...weights]) await fetchInto(whole, object, store);
  return join(whole, model.name);
}

function addressOf(uri: string): ObjectAddress {
  const address = parseS3Uri(uri);
  if (address !== undefined && !address.key.endsWith('/')) return address;
  throw new ModelLoadError(`Cannot fetch the model as its URI must be s3://<bucket>/<object key>: it is ${uri}`);
}

/** @throws ModelLoadError where the model names a file outside of its own folder. */
function insideFolder(location: string, uri: string): string {
  const name = posix.normalize(location);
  if (!posix.isAbsolute(name) && name !== '..' && !name.startsWith('../')) return name;
  throw new ModelLoadError(`Cannot fetch the model ${uri}: its weights must lie in its own folder, not at ${location}`);
}

function digestOf(objects: readonly ModelObject[]): string {
  const hash = createHash('sha256');
  for (const { address, etag } of objects) hash.update(JSON.stringify([address.bucket, address.key, etag]));
  return hash.digest('hex');
}

async function find(store: ObjectStore, address: ObjectAddress, name: string): Promise<ModelObject> {
  const info = await refused(address, store.head(address));
  if (info === undefined) throw new ModelLoadError(`Cannot fetch the model ${shown(address)}: there is no such object`);
  return { address, etag: info.etag, name };
}

/** Writes an object into a folder in one step, so that whoever fetches it at the same time never sees a part of it. */
async function fetchInto(folder: string, { address, etag, name }: ModelObject, store: ObjectStore): Promise<void> {
  const path = join(folder, name);
  if (await exists(path)) return;
  const object = await refused(address, store.get(address, { ifMatch: etag }));
  if (object === undefined) {
    const message = `Cannot fetch the model ${shown(address)}: it was replaced meanwhile`;
    throw new FabricError('MODEL_REPLACED', message, { disposition: 'retry' });
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    await pipeline(object.chunks, createWriteStream(temporary));
    const { size } = await stat(temporary);
    if (size !== object.info.byteLength) {
      const message = `Cannot fetch the model ${shown(address)}: ${size} of its ${object.info.byteLength} bytes came`;
      throw new FabricError('MODEL_CUT_SHORT', message, { disposition: 'retry' });
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** What the store refuses is a model that can't be loaded; what passes stays an error that passes. */
async function refused<T>(address: ObjectAddress, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof FabricError) || error.disposition !== 'fatal') throw error;
    throw new ModelLoadError(`Cannot fetch the model ${shown(address)}: ${error.message}`, { cause: error });
  }
}

function shown({ bucket, key }: ObjectAddress): string {
  return s3Uri(bucket, key);
}
