import { MAX_NESTING } from '../../elements/nesting.ts';
import { type ErrorDescription, FabricError } from '../../errors.ts';
import { splitFields } from '../../formats/csv-fields.ts';
import type { InputOptions, ReadElement } from '../../formats/format.ts';
import { findArrayStart, readJsonArray } from '../../formats/json-array.ts';
import { readTextLines } from '../../formats/text.ts';
import type { ByteSource } from '../../stores/byte-source.ts';
import { MAX_KEY_BYTES, type ObjectAddress } from '../../stores/object-store.ts';
import { parseS3Uri, s3Uri } from '../../stores/open-source.ts';
import { isWithin } from '../manifest-scope.ts';
import { decodeObjectKey } from './s3-events.ts';

/**
 * One entry of a manifest, as stored in the staged list of its bundle: an object to read, or the failure of its element
 * at stage `read`.
 */
export type ListedEntry = ObjectAddress | { readonly failure: ErrorDescription; readonly entry: unknown };

/**
 * Kind of a manifest, by its name:
 *
 * - `*.manifest.json`, as SageMaker has them: `[{"prefix": "s3://bucket/folder/"}, "key", …]`. The prefix comes before
 *   each key. Without one, an entry is a key of the manifest's own bucket, or an `s3://` URI.
 * - `*.manifest.csv`, as S3 Batch Operations has them: `bucket,key` or `bucket,key,versionId` in each line, no header,
 *   keys URL-encoded.
 */
export type ManifestKind = 'json' | 'csv';

const SUFFIX = /\.manifest\.(json|csv)$/;

export function manifestKindOf(name: string): ManifestKind | undefined {
  const [, suffix] = SUFFIX.exec(name) ?? [];
  return suffix === 'json' || suffix === 'csv' ? suffix : undefined;
}

/** An entry is a key of at most 1,024 bytes, and escapes make it longer. */
const MAX_ENTRY_BYTES = 16 * 1024;

const TOO_LONG = `an object key has at most ${MAX_KEY_BYTES} bytes`;

export interface ReadManifestOptions {
  /** The manifest's own. */
  readonly bucket: string;
  /** Those whose objects may be read. */
  readonly inputBuckets: readonly string[];
  /** Start of the keys that entries can name. @default any key */
  readonly within?: string | undefined;
  readonly signal?: AbortSignal;
}

/**
 * The entries of a manifest, in order, in pages; as many of them are held as make a page.
 *
 * @throws FabricError where it is not a manifest, or names an object that its pipeline must not read.
 */
export async function* readManifest(
  source: ByteSource,
  kind: ManifestKind,
  options: ReadManifestOptions,
): AsyncGenerator<readonly ListedEntry[]> {
  if (kind === 'csv') {
    for await (const page of elementsOf(source, 'text', options)) {
      yield page.filter(({ input }) => input !== '').map((line) => fromLine(line, options));
    }
    return;
  }
  let prefix: string | undefined;
  let isFirst = true;
  for await (const page of elementsOf(source, 'json', options)) {
    refuseDeepEntries(page);
    const [first] = page;
    if (isFirst) prefix = prefixOf(first?.input);
    const entries = isFirst && prefix !== undefined ? page.slice(1) : page;
    isFirst = false;
    yield entries.map((entry) => fromKey(entry, prefix, options));
  }
}

async function* elementsOf(
  source: ByteSource,
  format: 'text' | 'json',
  { signal }: ReadManifestOptions,
): AsyncGenerator<readonly ReadElement[]> {
  if (source.byteLength === 0) return;
  const input: InputOptions = {
    format,
    maxElementBytes: MAX_ENTRY_BYTES,
    bundleBytes: Infinity,
    bundleElements: Infinity,
    maxPixels: 0,
  };
  const options = signal === undefined ? {} : { signal };
  const start = format === 'text' ? 0 : await findArrayStart(source, options);
  if (start === undefined) return;
  const range = { start, end: source.byteLength, aligned: true, firstIndex: 0 };
  const read = format === 'text' ? readTextLines : readJsonArray;
  yield* read({ source, range, input, ...options });
}

/** @throws FabricError where an entry is nested so deeply that its text is not parsed: it may even be the prefix. */
function refuseDeepEntries(page: readonly ReadElement[]): void {
  const deep = page.find(({ failure }) => failure?.name === 'ElementTooDeep');
  if (deep === undefined) return;
  const rule = `its entry ${deep.position} nests arrays and objects deeper than ${MAX_NESTING} levels, the maximum`;
  throw new FabricError('INVALID_MANIFEST', `Cannot read the manifest: ${rule}`);
}

function prefixOf(first: unknown): string | undefined {
  if (typeof first !== 'object' || first === null || !('prefix' in first)) return undefined;
  const { prefix } = first;
  // A whole bucket is a prefix as well.
  if (typeof prefix === 'string' && /^s3:\/\/[^/]+(?:\/|$)/.test(prefix)) return prefix;
  throw new FabricError('INVALID_MANIFEST', 'Cannot read the manifest: its prefix is no s3:// URI');
}

function fromKey(
  { input, raw, failure }: ReadElement,
  prefix: string | undefined,
  { bucket, inputBuckets, within }: ReadManifestOptions,
): ListedEntry {
  if (failure !== undefined) return { failure, entry: raw ?? null };
  if (typeof input !== 'string' || input === '') return noKey(input, 'it must be an object key, a text');
  const uri = prefix === undefined ? input : prefix + input;
  const address = uri.startsWith('s3://') ? parseS3Uri(uri) : { bucket, key: input };
  if (address === undefined) return noKey(input, 'it names a bucket and no object');
  if (isTooLong(address.key)) return noKey(input, TOO_LONG);
  if (!inputBuckets.includes(address.bucket)) return notAllowed(address.bucket, input, inputBuckets);
  return expectWithin(address, within);
}

function fromLine({ input, raw, failure }: ReadElement, { inputBuckets, within }: ReadManifestOptions): ListedEntry {
  if (failure !== undefined || typeof input !== 'string') {
    return { failure: failure ?? noEntry('it is no text'), entry: raw ?? null };
  }
  const fields = input.includes('"') ? splitFields(input, ',') : input.split(',');
  const [bucket, encodedKey, versionId = '', ...more] = typeof fields === 'string' ? [] : fields;
  if (bucket === undefined || encodedKey === undefined || encodedKey === '' || more.length > 0) {
    return noKey(input, 'a line must be bucket,key or bucket,key,versionId');
  }
  const key = decodeObjectKey(encodedKey);
  if (key === undefined) return noKey(input, 'its object key is not URL-encoded');
  if (isTooLong(key)) return noKey(input, TOO_LONG);
  if (!inputBuckets.includes(bucket)) return notAllowed(bucket, input, inputBuckets);
  const version = versionId === '' || versionId === 'null' ? {} : { versionId };
  return expectWithin({ bucket, key, ...version }, within);
}

/**
 * Returns the address of an object that the manifest's pipeline can read. The check looks at the key alone, so that the
 * answer is the same whether there is such an object or not.
 */
function expectWithin(address: ObjectAddress, within: string | undefined): ObjectAddress {
  if (isWithin(address.key, within)) return address;
  const { bucket, key } = address;
  throw new FabricError(
    'MANIFEST_ENTRY_OUTSIDE',
    `Cannot read the manifest: it names ${JSON.stringify(s3Uri(bucket, key))}, whose key does not start with '${within}'. Pipelines with input.manifests 'any' can read other objects`,
  );
}

/** S3 refuses to look for such a key, which would hold up the other objects of its bundle. */
function isTooLong(key: string): boolean {
  return Buffer.byteLength(key) > MAX_KEY_BYTES;
}

function noKey(entry: unknown, rule: string): ListedEntry {
  return { failure: noEntry(rule), entry };
}

function noEntry(rule: string): ErrorDescription {
  return { name: 'InvalidManifestEntry', message: `The manifest's entry names no object: ${rule}` };
}

function notAllowed(bucket: string, entry: unknown, inputBuckets: readonly string[]): ListedEntry {
  const message = `Cannot read the object: ${bucket} is not an input bucket of the fabric: ${inputBuckets.join(', ')}`;
  return { failure: { name: 'BucketNotAllowed', message }, entry };
}
