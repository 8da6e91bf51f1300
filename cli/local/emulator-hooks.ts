import type { buildApp } from 'fauxqs';
import type { EmulatedObjects, EmulatedQueues } from './emulated-objects.ts';

/** Account of the emulator's queues. */
export const ACCOUNT = '000000000000';

/** An object that was put, completed or copied. */
export interface ObjectWritten {
  readonly bucket: string;
  readonly key: string;
  /** ETag without quotes. */
  readonly etag: string;
  readonly byteLength: number;
}

type App = ReturnType<typeof buildApp>;

// Hooks have callbacks and not promises, so that nothing runs between them and the handlers of fauxqs.

/** The parts of a request that the hooks read. Fastify does not type params and query. */
interface ObjectRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly params: unknown;
  readonly query: unknown;
}

/** Returns the object that a request writes as a whole: PutObject, CopyObject or CompleteMultipartUpload. */
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
 * Adds conditional writes to fauxqs, which ignores conditions. No other code runs between this hook and the write,
 * because the hooks and the handlers of fauxqs are synchronous. So one of several writers wins.
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

/** Returns S3's refusal of a write whose condition does not hold; undefined if the write is allowed. */
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

/** Returns the current ETag of an object without quotes; undefined if there is no such object. */
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

/** Reports each object that was written: fauxqs has no bucket notifications. */
export function reportWrites(app: App, store: EmulatedObjects, report: (event: ObjectWritten) => void): void {
  app.addHook('onSend', (request, reply, ...[, done]) => {
    const written = reply.statusCode === 200 ? writtenBy(request) : undefined;
    if (written !== undefined) {
      const { etag, contentLength } = store.headObject(written.bucket, written.key);
      report({ ...written, etag: etag.replaceAll('"', ''), byteLength: contentLength });
    }
    done();
  });
}

/** Reports each object that a DeleteObject request removed. */
export function reportRemovals(app: App, report: (event: Pick<ObjectWritten, 'bucket' | 'key'>) => void): void {
  app.addHook('onSend', (request, reply, ...[, done]) => {
    const { bucket, '*': key } = (request.params ?? {}) as { readonly bucket?: string; readonly '*'?: string };
    const isUpload = Object.hasOwn(request.query ?? {}, 'uploadId');
    if (request.method === 'DELETE' && reply.statusCode === 204 && bucket && key && !isUpload) report({ bucket, key });
    done();
  });
}

/** Gives queue URLs the address of the emulator; fauxqs invents host names that do not resolve. */
export function nameQueues(app: App): void {
  app.addHook('preSerialization', (request, _reply, ...[payload, done]) => {
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

/** Makes messages visible again if their receiver disconnected while it waited; fauxqs hides them as if they were received. */
export function keepReceived(app: App, store: EmulatedQueues): void {
  app.addHook('preSerialization', (request, _reply, ...[payload, done]) => {
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
