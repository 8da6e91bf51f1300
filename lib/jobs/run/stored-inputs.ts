import { basename } from 'node:path/posix';
import { FabricError } from '../../errors.ts';
import { type FormatName, formatOf } from '../../formats/registry.ts';
import type { ListedObject, ObjectAddress, ObjectStore } from '../../stores/object-store.ts';
import { parseS3Uri, s3Uri, sharedS3Store } from '../../stores/open-source.ts';
import { inParallel } from '../in-parallel.ts';
import { isSkippedName } from './files-below.ts';
import { SKIPPED } from './local-inputs.ts';
import { InputError, objectInput, rejectedInput, type RunInput } from './run-input.ts';
import { reasonWithout } from './unreadable-input.ts';

/** Objects that are looked at at once: S3 takes 5,500 reads a second for a prefix. */
const LOOKS_AT_ONCE = 32;

/**
 * Finds what an `s3://` URI names: one object, or all below a prefix that ends in '/' (or a whole bucket). An existing
 * object that can't be read is an input too, with the reason.
 *
 * @throws InputError where that is nothing.
 */
export async function findStoredInput(uri: string, format: FormatName): Promise<readonly RunInput[]> {
  const store = await sharedS3Store({ patienceMillis: Infinity });
  const { bucket, key } = parseS3Uri(uri) ?? bucketOf(uri);
  const finder = { store, bucket, format };
  if (key !== '' && !key.endsWith('/')) {
    const found = await findObject(key, basename(key), finder);
    if (found !== undefined) return [found];
    throw new InputError(`there is no object ${uri}; all objects below a prefix are named by one that ends in '/'`);
  }
  return findBelow(uri, key, finder);
}

interface Finder {
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly format: FormatName;
}

async function findBelow(uri: string, prefix: string, finder: Finder): Promise<readonly RunInput[]> {
  const { store, bucket, format } = finder;
  const name = prefix === '' ? bucket : basename(prefix);
  let objects: readonly ListedObject[];
  try {
    objects = (await Array.fromAsync(store.list(bucket, prefix))).filter((object) => !isConsoleFolder(object));
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    return [rejectedInput({ uri }, name, reasonWithout(uri, error))];
  }
  const listed = objects.filter(({ key }) => !key.slice(prefix.length).split('/').some(isSkippedName));
  if (listed.length === 0) throw new InputError(`there are no objects in ${uri}${objects.length > 0 ? SKIPPED : ''}`);
  if (formatOf(format).holds === 'one') return [folderInput({ bucket, key: prefix }, name, listed)];
  return inParallel(listed, LOOKS_AT_ONCE, async ({ key }) => {
    const below = key.slice(prefix.length);
    // A listing does not say an object's version.
    const found = await findObject(key, below, finder);
    return found ?? rejectedInput({ uri: s3Uri(bucket, key) }, below, 'it was removed after its prefix was listed');
  });
}

function bucketOf(uri: string): ObjectAddress {
  const [, bucket] = /^s3:\/\/([^/]+)\/?$/.exec(uri) ?? [];
  if (bucket === undefined) throw new InputError(`not an S3 address: '${uri}' (expected s3://<bucket>/<key>)`);
  return { bucket, key: '' };
}

async function findObject(key: string, name: string, finder: Finder): Promise<RunInput | undefined> {
  const { store, bucket, format } = finder;
  const uri = s3Uri(bucket, key);
  try {
    const info = await store.head({ bucket, key });
    if (info === undefined) return undefined;
    const { versionId, etag } = info;
    return objectInput({ uri, ...(versionId === undefined ? {} : { versionId }), etag }, name, { format });
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    const failure = { name: 'SourceUnreadable', message: reasonWithout(uri, error) };
    return objectInput({ uri }, name, { format, failure });
  }
}

/** One job of all objects below a prefix, called by the prefix's last segment. */
function folderInput({ bucket, key }: ObjectAddress, name: string, listed: readonly ListedObject[]): RunInput {
  const objects = listed.map((object) => ({ uri: s3Uri(bucket, object.key), etag: object.etag }));
  return { kind: 'folder', uri: s3Uri(bucket, key), name, objects };
}

/** Returns whether an object is a folder marker: consoles create folders as empty objects. */
function isConsoleFolder({ key, byteLength }: ListedObject): boolean {
  return byteLength === 0 && key.endsWith('/');
}
