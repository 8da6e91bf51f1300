import type { buildApp } from 'fauxqs';
import type { EmulatedObjects, EmulatedQueues } from './emulated-objects.ts';

/** The account that the emulator's queues belong to. */
export const ACCOUNT = '000000000000';

/** An object that was put, completed or copied. */
export interface ObjectWritten {
  readonly bucket: string;
  readonly key: string;
  /** Without quotes. */
  readonly etag: string;
  readonly byteLength: number;
}

type App = ReturnType<typeof buildApp>;

/** What of a request matters here: Fastify leaves params and query open. */
interface ObjectRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly params: unknown;
  readonly query: unknown;
}

/** The object that a request writes as a whole: by PutObject, CopyObject or CompleteMultipartUpload. */
function writtenBy({
  method,
  params,
  query,
}: ObjectRequest): { readonly bucket: string; readonly key: string } | undefined {
  const { bucket, '*': key } = (params ?? {}) as { readonly bucket?: string; readonly '*'?: string };
  const asked = (query ?? {}) as Readonly<Record<string, string>>;
  const isWhole = method === 'PUT' ? !('uploadId' in asked) && !('renameObject' in asked) : 'uploadId' in asked;
  if ((method !== 'PUT' && method !== 'POST') || !isWhole) return undefined;
  return bucket && key ? { bucket, key } : undefined;
}

/**
 * Conditional writes, which fauxqs answers as if they had no condition. Between this hook and the write nothing else
 * runs: the hooks and fauxqs's handlers do not wait for anything. So of several writers one wins.
 */
export function answerConditions(app: App, store: EmulatedObjects): void {
  app.addHook('preHandler', (request, reply, done) => {
    const written = writtenBy(request);
    const refused = written && refusalOf(request, etagOf(store, written));
    if (refused === undefined) return done();
    void reply.status(refused.status).type('application/xml').send(refused.xml);
  });
}

interface Refusal {
  readonly status: number;
  readonly xml: string;
}

/** As S3 refuses a write whose condition does not hold. */
function refusalOf({ headers }: ObjectRequest, etag: string | undefined): Refusal | undefined {
  const ifMatch = headers['if-match'];
  if (headers['if-none-match'] === '*' && etag !== undefined) return refusal(412, 'PreconditionFailed');
  if (typeof ifMatch !== 'string') return undefined;
  if (etag === undefined) return refusal(404, 'NoSuchKey');
  return ifMatch.replaceAll('"', '') === etag ? undefined : refusal(412, 'PreconditionFailed');
}

function refusal(status: number, code: string): Refusal {
  const message =
    status === 412 ? 'At least one of the pre-conditions you specified did not hold' : 'There is no such key';
  const xml = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, xml };
}

/** The ETag of what an object is now, without its quotes; undefined where there is none. */
function etagOf(
  store: EmulatedObjects,
  { bucket, key }: { readonly bucket: string; readonly key: string },
): string | undefined {
  try {
    return store.headObject(bucket, key).etag.replaceAll('"', '');
  } catch {
    return undefined;
  }
}

/** Tells of each object that was written: fauxqs has no bucket notifications. */
export function reportWrites(app: App, store: EmulatedObjects, report: (event: ObjectWritten) => void): void {
  app.addHook('onSend', (request, reply, _payload, done) => {
    const written = reply.statusCode === 200 ? writtenBy(request) : undefined;
    if (written !== undefined) {
      const { etag, contentLength } = store.headObject(written.bucket, written.key);
      report({ ...written, etag: etag.replaceAll('"', ''), byteLength: contentLength });
    }
    done();
  });
}

/** Tells of each object that a DeleteObject asked to be removed. */
export function reportRemovals(app: App, report: (event: Pick<ObjectWritten, 'bucket' | 'key'>) => void): void {
  app.addHook('onSend', (request, reply, _payload, done) => {
    const { bucket, '*': key } = (request.params ?? {}) as { readonly bucket?: string; readonly '*'?: string };
    const isUpload = Object.hasOwn(request.query ?? {}, 'uploadId');
    if (request.method === 'DELETE' && reply.statusCode === 204 && bucket && key && !isUpload) report({ bucket, key });
    done();
  });
}

/** Queue URLs with the address under which the emulator was reached; fauxqs makes up host names that do not resolve. */
export function nameQueues(app: App): void {
  app.addHook('preSerialization', (request, _reply, payload, done) => {
    if (!isQueueRequest(request)) return done(null, payload);
    const { QueueUrl, QueueUrls } = payload as { readonly QueueUrl?: string; readonly QueueUrls?: readonly string[] };
    const named = (url: string): string => `http://${request.headers.host}/${url.split('/').slice(3).join('/')}`;
    done(null, {
      ...(payload as object),
      ...(QueueUrl !== undefined && { QueueUrl: named(QueueUrl) }),
      ...(QueueUrls !== undefined && { QueueUrls: QueueUrls.map(named) }),
    });
  });
}

/** Messages for a receiver that has gone while it waited come again at once; fauxqs hides them as if they were received. */
export function keepReceived(app: App, store: EmulatedQueues): void {
  app.addHook('preSerialization', (request, _reply, payload, done) => {
    if (isQueueRequest(request) && !request.raw.socket.writable) {
      const { Messages } = payload as { readonly Messages?: readonly { readonly ReceiptHandle: string }[] };
      const { QueueUrl } = request.body as { readonly QueueUrl: string };
      for (const { ReceiptHandle } of Messages ?? []) store.getQueue(QueueUrl)?.changeVisibility(ReceiptHandle, 0);
    }
    done(null, payload);
  });
}

function isQueueRequest({ method, headers }: ObjectRequest): boolean {
  return method === 'POST' && headers['x-amz-target'] !== undefined;
}
