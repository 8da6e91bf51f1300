import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { PutObjectCommand, type PutObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { abortOn } from './aws-client.ts';
import { isConflict, isMissing, isPreconditionFailed, storeError } from './aws-errors.ts';
import type { ObjectAddress, ObjectBody, PutOptions } from './object-store.ts';

/** Size of parts, in which a larger file is uploaded; a few of them are in memory. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 3;
/** S3's limit on parts: a very large file has larger parts. */
const MAX_PARTS = 10_000;
/** Maximum tries: S3 answers 409 while another conditional write of the object is in progress. */
const MAX_TRIES = 5;
const CONFLICT_PAUSE_MILLIS = 100;

interface UploadRequest extends PutOptions {
  readonly address: ObjectAddress;
  readonly body: ObjectBody;
}

/** Writes an object: see `ObjectStore.put`. */
export async function uploadObject(
  client: S3Client,
  { address, body, ...options }: UploadRequest,
): Promise<{ readonly etag: string } | undefined> {
  const { signal } = options;
  const input = { ...inputOf(address, options), ...(await contentOf(body)) };
  for (let tries = 1; ; tries += 1) {
    try {
      return { etag: unquoted(await upload(client, input, signal)) };
    } catch (error) {
      signal?.throwIfAborted();
      // With If-Match, S3 answers 404 if the object does not exist.
      if (options.only !== undefined && (isPreconditionFailed(error) || isMissing(error))) return undefined;
      if (!isConflict(error) || tries === MAX_TRIES) throw storeError(error, `write ${nameOf(address)}`);
      await setTimeout(CONFLICT_PAUSE_MILLIS * tries * (0.5 + Math.random()), undefined, signal ? { signal } : {});
    }
  }
}

export function nameOf({ bucket, key }: ObjectAddress): string {
  return `s3://${bucket}/${key}`;
}

export function unquoted(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}

function inputOf({ bucket, key }: ObjectAddress, { only, metadata, contentType }: PutOptions): PutObjectCommandInput {
  return {
    Bucket: bucket,
    Key: key,
    ...(only === 'absent' && { IfNoneMatch: '*' }),
    ...(typeof only === 'object' && { IfMatch: `"${only.ifMatch}"` }),
    ...(metadata && { Metadata: { ...metadata } }),
    ...(contentType !== undefined && { ContentType: contentType }),
  };
}

interface Content {
  /** The bytes, or the path of a large file, which is read again on every try. */
  readonly Body: Uint8Array | { readonly path: string };
  readonly byteLength: number;
}

async function contentOf(body: ObjectBody): Promise<Content> {
  if (typeof body === 'string') return contentOf(Buffer.from(body));
  if (body instanceof Uint8Array) return { Body: body, byteLength: body.byteLength };
  const { size } = await stat(body.path);
  if (size <= PART_BYTES) return contentOf(await readFile(body.path));
  return { Body: body, byteLength: size };
}

/** Returns the ETag of the written object. The SDK retries each part, like a small object, because it is in memory. */
async function upload(
  client: S3Client,
  { Body, byteLength, ...input }: Omit<PutObjectCommandInput, 'Body'> & Content,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (byteLength <= PART_BYTES && Body instanceof Uint8Array) {
    return (await client.send(new PutObjectCommand({ ...input, Body }), abortOn(signal))).ETag;
  }
  signal?.throwIfAborted();
  const multipart = new Upload({
    client,
    // The condition is checked when the upload is completed.
    params: { ...input, Body: Body instanceof Uint8Array ? Body : createReadStream(Body.path) },
    partSize: Math.max(PART_BYTES, Math.ceil(byteLength / MAX_PARTS)),
    queueSize: PARTS_AT_ONCE,
  });
  const abort = (): void => void multipart.abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return (await multipart.done()).ETag;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
