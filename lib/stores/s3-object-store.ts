import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  S3Client,
} from '@aws-sdk/client-s3';
import { FabricError } from '../errors.ts';
import {
  abortOn,
  type AwsClientOptions,
  bucketOwnersFromEnvironment,
  clientConfig,
  endpointFromEnvironment,
} from './aws-client.ts';
import { isMissing, isPreconditionFailed, isRangePastEnd, storeError } from './aws-errors.ts';
import { expectBucketOwners } from './bucket-owners.ts';
import type { ByteRange } from './byte-source.ts';
import type {
  GetOptions,
  ListedObject,
  ObjectAddress,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  StoredObject,
  StoreOptions,
} from './object-store.ts';
import { withPatience } from './patience.ts';
import { QuickGets } from './quick-gets.ts';
import { resumeChunks } from './resume-chunks.ts';
import { nameOf, unquoted, uploadObject } from './s3-upload.ts';

/** Opens S3 with the SDK's own settings: region, credentials, endpoint. The caller disposes of it. */
export function openS3ObjectStore(options: AwsClientOptions = {}): ObjectStore & Disposable {
  const client = new S3Client({
    ...clientConfig(options),
    // An emulator has no host names for buckets.
    forcePathStyle: (options.endpoint ?? endpointFromEnvironment('S3')) !== undefined,
    // A checked body is a stream piped from the connection, which would stay open if the reader stopped early.
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  expectBucketOwners(client, bucketOwnersFromEnvironment());
  return new S3ObjectStore(client, options.patienceMillis ?? PATIENCE_MILLIS);
}

/** A function costs money while it waits, and has about this much time to finish at its end. */
const PATIENCE_MILLIS = 20_000;

class S3ObjectStore implements ObjectStore, Disposable {
  readonly #client: S3Client;
  readonly #patienceMillis: number;
  readonly #quickGets: QuickGets;

  constructor(client: S3Client, patienceMillis: number) {
    this.#client = client;
    this.#patienceMillis = patienceMillis;
    this.#quickGets = new QuickGets(client);
  }

  async head(address: ObjectAddress, { signal }: StoreOptions = {}): Promise<ObjectInfo | undefined> {
    const found = await this.#ask(address, { action: 'look at', signal }, () =>
      this.#client.send(new HeadObjectCommand(inputOf(address)), abortOn(signal)),
    );
    return found && infoOf(found);
  }

  async get(address: ObjectAddress, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const { range, ifMatch, signal } = options;
    // HTTP has no empty range.
    if (range !== undefined && range.end <= range.start) return this.#getNothing(address, options);
    const isPlain = range === undefined && options.isChecked !== true;
    const quick = isPlain ? await this.#quickGets.get(address, options) : undefined;
    const object =
      quick ??
      (await this.#ask(address, { action: 'read', signal }, () =>
        this.#client.send(new GetObjectCommand(getInput(address, options)), abortOn(signal)).catch(pastEnd),
      ));
    if (object === undefined) return undefined;
    if (object === PAST_END) return this.#getNothing(address, options);
    const info = infoOf(object);
    const whole = { start: range?.start ?? 0, end: Math.min(range?.end ?? info.byteLength, info.byteLength) };
    const open = (position: number): Promise<AsyncIterable<Uint8Array>> =>
      this.#reopen(address, { range: { start: position, end: whole.end }, ifMatch: ifMatch ?? info.etag, signal });
    return { info, chunks: resumeChunks(bodyOf(object), { range: whole, open, name: nameOf(address), signal }) };
  }

  async put(
    address: ObjectAddress,
    body: ObjectBody,
    options: PutOptions = {},
  ): Promise<{ readonly etag: string } | undefined> {
    const patience = { patienceMillis: this.#patienceMillis, signal: options.signal };
    return withPatience(() => uploadObject(this.#client, { address, body, ...options }), patience);
  }

  /** Copies at most 5 GB: the fabric's objects are far smaller. */
  async copy(from: ObjectAddress, to: ObjectAddress, { signal }: StoreOptions = {}): Promise<boolean> {
    const copied = await this.#ask(from, { action: `copy to ${nameOf(to)}`, signal }, () =>
      this.#client.send(
        new CopyObjectCommand({
          Bucket: to.bucket,
          Key: to.key,
          CopySource: copySource(from),
          MetadataDirective: 'REPLACE',
        }),
        abortOn(signal),
      ),
    );
    return copied !== undefined;
  }

  async delete(address: ObjectAddress, { signal }: StoreOptions = {}): Promise<void> {
    await this.#ask(address, { action: 'delete', signal }, () =>
      this.#client.send(new DeleteObjectCommand(inputOf(address)), abortOn(signal)),
    );
  }

  async *list(bucket: string, prefix: string, { signal }: StoreOptions = {}): AsyncIterable<ListedObject> {
    let token: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await this.#listPage(bucket, prefix, { token, signal });
      for (const { Key, ETag, Size, LastModified } of page.Contents ?? []) {
        if (Key === undefined) continue;
        yield { key: Key, etag: unquoted(ETag), byteLength: Size ?? 0, lastModified: LastModified ?? new Date(0) };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
  }

  async #getNothing(address: ObjectAddress, { ifMatch, signal }: GetOptions): Promise<StoredObject | undefined> {
    const info = await this.head(address, { signal });
    return info === undefined || info.etag !== (ifMatch ?? info.etag) ? undefined : { info, chunks: nothing() };
  }

  async #reopen(
    address: ObjectAddress,
    options: GetOptions & { readonly range: ByteRange },
  ): Promise<AsyncIterable<Uint8Array>> {
    const object = await this.#ask(address, { action: 'read on in', signal: options.signal }, () =>
      this.#client.send(new GetObjectCommand(getInput(address, options)), abortOn(options.signal)),
    );
    if (object !== undefined) return bodyOf(object);
    throw new FabricError('STORE_OBJECT_CHANGED', `Cannot read on in ${nameOf(address)}: it was replaced meanwhile`, {
      disposition: 'retry',
    });
  }

  async #listPage(
    bucket: string,
    prefix: string,
    { token, signal }: { readonly token: string | undefined; readonly signal: AbortSignal | undefined },
  ): Promise<ListObjectsV2CommandOutput> {
    try {
      const input = { Bucket: bucket, Prefix: prefix, ...(token !== undefined && { ContinuationToken: token }) };
      const ask = () => this.#client.send(new ListObjectsV2Command(input), abortOn(signal));
      return await withPatience(ask, { patienceMillis: this.#patienceMillis, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw storeError(error, `list s3://${bucket}/${prefix}`);
    }
  }

  /** Makes a request; undefined if the object does not exist, or is not the requested version. */
  async #ask<Answer>(
    address: ObjectAddress,
    { action, signal }: { readonly action: string; readonly signal: AbortSignal | undefined },
    send: () => Promise<Answer>,
  ): Promise<Answer | undefined> {
    try {
      return await withPatience(send, { patienceMillis: this.#patienceMillis, signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (isMissing(error) || isPreconditionFailed(error)) return undefined;
      throw storeError(error, `${action} ${nameOf(address)}`);
    }
  }
}

/** The answer to a range past the end: an empty object has no other range. */
const PAST_END = Symbol('past end');

function pastEnd(error: unknown): typeof PAST_END {
  if (isRangePastEnd(error)) return PAST_END;
  throw error;
}

function inputOf({ bucket, key, versionId }: ObjectAddress) {
  return { Bucket: bucket, Key: key, ...(versionId !== undefined && { VersionId: versionId }) };
}

interface AskedContent {
  readonly range?: ByteRange;
  readonly ifMatch?: string | undefined;
  readonly isChecked?: boolean;
}

function getInput(address: ObjectAddress, { range, ifMatch, isChecked }: AskedContent) {
  return {
    ...inputOf(address),
    // The client checks the checksum only if it is requested.
    ...(isChecked === true && { ChecksumMode: 'ENABLED' as const }),
    ...(ifMatch !== undefined && { IfMatch: `"${ifMatch}"` }),
    ...(range && { Range: `bytes=${range.start}-${Number.isSafeInteger(range.end) ? range.end - 1 : ''}` }),
  };
}

function copySource({ bucket, key, versionId }: ObjectAddress): string {
  const path = `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  return versionId === undefined ? path : `${path}?versionId=${encodeURIComponent(versionId)}`;
}

function infoOf(object: GetObjectCommandOutput | HeadObjectCommandOutput): ObjectInfo {
  const versionId = object.VersionId;
  const md5 = md5Of(object);
  return {
    etag: unquoted(object.ETag),
    byteLength: wholeLength(object),
    lastModified: object.LastModified ?? new Date(0),
    // If a bucket's versioning is suspended, every version is "null", which identifies none.
    ...(versionId !== undefined && versionId !== 'null' && { versionId }),
    ...(md5 !== undefined && { md5 }),
    metadata: object.Metadata ?? {},
  };
}

/**
 * Returns the MD5 from the ETag: it is one if the object was put in one piece, and is encrypted by S3's keys or not at all
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html).
 */
function md5Of(object: GetObjectCommandOutput | HeadObjectCommandOutput): string | undefined {
  const { ETag, ServerSideEncryption = 'AES256', SSECustomerAlgorithm } = object;
  if (ServerSideEncryption !== 'AES256' || SSECustomerAlgorithm !== undefined) return undefined;
  const etag = unquoted(ETag);
  return /^[0-9a-f]{32}$/.test(etag) ? etag : undefined;
}

/** Returns the length after the `/` of `Content-Range`, if there is one. */
function wholeLength({
  ContentRange,
  ContentLength,
}: {
  ContentRange?: string | undefined;
  ContentLength?: number | undefined;
}): number {
  const whole = Number(ContentRange?.split('/')[1]);
  return Number.isSafeInteger(whole) ? whole : (ContentLength ?? 0);
}

function bodyOf(object: GetObjectCommandOutput): AsyncIterable<Uint8Array> {
  // In Node the SDK's body is a stream of buffers; its type also allows browsers.
  return (object.Body as AsyncIterable<Uint8Array> | undefined) ?? nothing();
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
