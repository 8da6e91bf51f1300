import { basename } from 'node:path/posix';
import type { FormatName } from '../../formats/format.ts';
import type { ListedObject, ObjectAddress, ObjectStore } from '../../stores/object-store.ts';
import { parseS3Uri, s3Uri, sharedS3Store, type SourceLocation } from '../../stores/open-source.ts';
import { inParallel } from '../in-parallel.ts';
import { InputError, isObjectFormat, objectInput, type RunInput } from './run-input.ts';

/** Objects that are looked at at once: S3 takes 5,500 reads a second for a prefix. */
const LOOKS_AT_ONCE = 32;

/**
 * Finds what an `s3://` URI names: one object, or all below a prefix that ends in '/' (or a whole bucket).
 *
 * @throws InputError where that is nothing.
 */
export async function findStoredInput(uri: string, format: FormatName): Promise<readonly RunInput[]> {
  const store = await sharedS3Store();
  const { bucket, key } = parseS3Uri(uri) ?? bucketOf(uri);
  if (key !== '' && !key.endsWith('/')) return [await findObject(uri, { bucket, key }, store, format)];
  const listed = (await Array.fromAsync(store.list(bucket, key))).filter((object) => isInput(object, key));
  if (listed.length === 0) throw new InputError(`there are no objects in ${uri}`);
  if (isObjectFormat(format)) return [folderInput({ bucket, key }, listed)];
  return inParallel(listed, LOOKS_AT_ONCE, async (object) => {
    // A listing does not say an object's version.
    const location = await locate({ bucket, key: object.key }, store);
    if (location === undefined) throw new InputError(`${s3Uri(bucket, object.key)} was removed meanwhile`);
    return objectInput(location, object.key.slice(key.length), format);
  });
}

function bucketOf(uri: string): ObjectAddress {
  const [, bucket] = /^s3:\/\/([^/]+)\/?$/.exec(uri) ?? [];
  if (bucket === undefined) throw new InputError(`an address in S3 is s3://<bucket>/<key>: '${uri}' is none`);
  return { bucket, key: '' };
}

async function findObject(
  uri: string,
  address: ObjectAddress,
  store: ObjectStore,
  format: FormatName,
): Promise<RunInput> {
  const location = await locate(address, store);
  if (location !== undefined) return objectInput(location, basename(address.key), format);
  throw new InputError(`there is no object ${uri}; all objects below a prefix are named by one that ends in '/'`);
}

async function locate({ bucket, key }: ObjectAddress, store: ObjectStore): Promise<SourceLocation | undefined> {
  const info = await store.head({ bucket, key });
  if (info === undefined) return undefined;
  const { versionId, etag } = info;
  return { uri: s3Uri(bucket, key), ...(versionId === undefined ? {} : { versionId }), etag };
}

/** One job of all objects below a prefix, called by the prefix's last segment. */
function folderInput({ bucket, key }: ObjectAddress, listed: readonly ListedObject[]): RunInput {
  const objects = listed.map((object) => ({ uri: s3Uri(bucket, object.key), etag: object.etag }));
  return { kind: 'folder', uri: s3Uri(bucket, key), name: key === '' ? bucket : basename(key), objects };
}

/** As in a directory, hidden ones are left out; folders as consoles make them are empty objects. */
function isInput({ key, byteLength }: ListedObject, prefix: string): boolean {
  if (byteLength === 0 && key.endsWith('/')) return false;
  const segments = key.slice(prefix.length).split('/');
  return !segments.some((segment) => segment.startsWith('.') && segment !== '.' && segment !== '..');
}
