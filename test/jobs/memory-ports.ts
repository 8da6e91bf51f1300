import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { FabricError } from '../../lib/errors.ts';
import type { MessageQueue, OutgoingMessage, ReceivedMessage } from '../../lib/stores/message-queue.ts';
import type {
  ListedObject,
  ObjectAddress,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutOptions,
} from '../../lib/stores/object-store.ts';

/** Called around each call of a port: what it throws is what the caller gets, before the call or with its answer lost. */
export interface Faults<Call> {
  before?: ((call: Call) => void | Promise<void>) | undefined;
  after?: ((call: Call) => void | Promise<void>) | undefined;
}

async function around<Call, Result>(faults: Faults<Call>, call: Call, work: () => Result): Promise<Awaited<Result>> {
  await faults.before?.(call);
  const result = await work();
  await faults.after?.(call);
  return result;
}

/** An error as an adapter throws where AWS is unavailable. */
export function unavailable(what = 'SlowDown'): FabricError {
  return new FabricError('STORE_UNAVAILABLE', `the store is unavailable: ${what}`, { disposition: 'retry' });
}

export type StoreCall = ObjectAddress & {
  readonly operation: 'head' | 'get' | 'put' | 'copy' | 'delete' | 'list';
};

interface Version {
  readonly info: ObjectInfo;
  readonly bytes: Buffer;
}

export interface MemoryObjectStore extends ObjectStore {
  /** `chunk` is called before each chunk of an object. */
  readonly faults: Faults<StoreCall> & { chunk?: ((address: ObjectAddress) => void) | undefined };
  /** Every call so far, in order. */
  readonly calls: readonly StoreCall[];
  /** What an object says; undefined where there is none. */
  text(bucket: string, key: string): string | undefined;
  json(bucket: string, key: string): unknown;
  keys(bucket: string, prefix?: string): readonly string[];
}

export interface MemoryObjectStoreOptions {
  /** Whether each put makes a version of its own, which stays when the object is replaced or deleted. @default false */
  readonly versioned?: boolean;
  readonly now?: () => number;
  /** How large the chunks are in which bytes come. @default 64 KiB */
  readonly chunkBytes?: number;
  /** Names versions. @default random ones */
  readonly newId?: () => string;
}

/** Buckets in memory; any name is one. */
export function memoryObjectStore(options: MemoryObjectStoreOptions = {}): MemoryObjectStore {
  const { versioned = false, now = Date.now, chunkBytes = 64 * 1024, newId = randomUUID } = options;
  /** The versions of each key, the newest last; undefined is a delete marker. */
  const buckets = new Map<string, Map<string, (Version | undefined)[]>>();
  const calls: StoreCall[] = [];
  const faults: MemoryObjectStore['faults'] = {};

  const versionsOf = ({ bucket, key }: ObjectAddress): (Version | undefined)[] => buckets.get(bucket)?.get(key) ?? [];
  const find = (address: ObjectAddress): Version | undefined => {
    const { versionId } = address;
    if (versionId === undefined) return versionsOf(address).at(-1);
    return versionsOf(address).find((version) => version?.info.versionId === versionId);
  };
  const add = ({ bucket, key }: ObjectAddress, version: Version | undefined): void => {
    const keys = buckets.get(bucket) ?? new Map<string, (Version | undefined)[]>();
    buckets.set(bucket, keys);
    keys.set(key, versioned ? [...(keys.get(key) ?? []), version] : [version]);
  };
  const keysOf = (bucket: string, prefix: string): string[] =>
    [...(buckets.get(bucket) ?? [])]
      .filter(([key, versions]) => key.startsWith(prefix) && versions.at(-1) !== undefined)
      .map(([key]) => key)
      .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

  function put(address: ObjectAddress, bytes: Buffer, { only, metadata = {} }: PutOptions): Version | undefined {
    const there = versionsOf(address).at(-1)?.info.etag;
    if (only === 'absent' ? there !== undefined : only !== undefined && there !== only.ifMatch) return undefined;
    const etag = createHash('md5').update(bytes).digest('hex');
    const info = { etag, byteLength: bytes.length, lastModified: new Date(now()), metadata: { ...metadata } };
    const version = { info: versioned ? { ...info, versionId: newId() } : info, bytes };
    add(address, version);
    return version;
  }

  async function* chunksOf(bytes: Buffer, address: ObjectAddress, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < bytes.length; start += chunkBytes) {
      faults.chunk?.(address);
      signal?.throwIfAborted();
      yield Uint8Array.from(bytes.subarray(start, start + chunkBytes));
    }
  }

  async function call<Result>(
    operation: StoreCall['operation'],
    address: ObjectAddress,
    signal: AbortSignal | undefined,
    work: () => Result,
  ): Promise<Awaited<Result>> {
    signal?.throwIfAborted();
    const made = { operation, ...address };
    calls.push(made);
    return around(faults, made, work);
  }

  return {
    faults,
    calls,
    text: (bucket, key) => find({ bucket, key })?.bytes.toString('utf8'),
    json: (bucket, key) => JSON.parse(find({ bucket, key })?.bytes.toString('utf8') ?? 'null') as unknown,
    keys: (bucket, prefix = '') => keysOf(bucket, prefix),
    head: (address, { signal } = {}) => call('head', address, signal, () => find(address)?.info),
    get: (address, { range, ifMatch, signal } = {}) =>
      call('get', address, signal, () => {
        const found = find(address);
        if (found === undefined || (ifMatch !== undefined && found.info.etag !== ifMatch)) return undefined;
        const { info, bytes } = found;
        const wanted = bytes.subarray(range?.start, range?.end);
        return { info, chunks: chunksOf(wanted, address, signal) };
      }),
    put: async (address, body, putOptions = {}) => {
      const bytes = await bytesOf(body);
      return call('put', address, putOptions.signal, () => {
        const version = put(address, bytes, putOptions);
        return version && { etag: version.info.etag };
      });
    },
    copy: (from, to, { signal } = {}) =>
      call('copy', to, signal, () => {
        const found = find(from);
        if (found !== undefined) put(to, found.bytes, {});
        return found !== undefined;
      }),
    delete: (address, { signal } = {}) =>
      call('delete', address, signal, () => {
        const keys = buckets.get(address.bucket);
        if (address.versionId !== undefined) {
          const left = versionsOf(address).filter((version) => version?.info.versionId !== address.versionId);
          keys?.set(address.key, left);
        } else if (versioned) add(address, undefined);
        else keys?.delete(address.key);
      }),
    async *list(bucket, prefix, { signal } = {}): AsyncGenerator<ListedObject> {
      const keys = await call('list', { bucket, key: prefix }, signal, () => keysOf(bucket, prefix));
      for (const key of keys) {
        signal?.throwIfAborted();
        const info = find({ bucket, key })?.info;
        if (info === undefined) continue;
        yield { key, etag: info.etag, byteLength: info.byteLength, lastModified: info.lastModified };
      }
    },
  };
}

async function bytesOf(body: ObjectBody): Promise<Buffer> {
  if (typeof body === 'string') return Buffer.from(body);
  return 'path' in body ? readFile(body.path) : Buffer.from(body);
}

export interface QueueCall {
  readonly operation: 'send' | 'receive' | 'delete' | 'changeVisibility';
  /** The messages of a send. */
  readonly messages?: readonly OutgoingMessage[];
}

interface KeptMessage {
  readonly id: string;
  readonly outgoing: OutgoingMessage;
  readonly sentAtMillis: number;
  visibleAt: number;
  receives: number;
  receiptHandle: string;
}

export interface MemoryQueue extends MessageQueue {
  readonly faults: Faults<QueueCall>;
  /** Everything that was ever sent, in order. */
  readonly sent: readonly OutgoingMessage[];
  /** What was sent and not deleted, whether or not it is visible now. */
  readonly waiting: readonly OutgoingMessage[];
  /** When the next message can be received, in milliseconds: for a clock that is put forward by hand. */
  readonly nextVisibleAt: number | undefined;
}

export interface MemoryQueueOptions {
  /** Where it is given, `receive` waits for nothing. @default the real time */
  readonly now?: () => number;
  /** @default 30 */
  readonly visibilitySecs?: number;
  /** After so many receives a message goes to `deadLetters`. @default it comes again for ever */
  readonly maxReceives?: number;
  readonly deadLetters?: MessageQueue;
  /** Names messages. @default random ones */
  readonly newId?: () => string;
}

const POLL_MILLIS = 5;

/** A queue in memory that behaves as SQS does: visibility, delays, receive counts, a dead-letter queue. */
export function memoryQueue(options: MemoryQueueOptions = {}): MemoryQueue {
  const { now = Date.now, visibilitySecs = 30, maxReceives = Infinity, deadLetters, newId = randomUUID } = options;
  const sent: OutgoingMessage[] = [];
  const kept = new Set<KeptMessage>();
  const faults: Faults<QueueCall> = {};
  const held = (receiptHandle: string): KeptMessage | undefined =>
    [...kept].find((message) => message.receiptHandle === receiptHandle);

  function add(outgoing: OutgoingMessage): void {
    const sentAtMillis = now();
    const visibleAt = sentAtMillis + (outgoing.delaySecs ?? 0) * 1000;
    sent.push(outgoing);
    kept.add({ id: newId(), outgoing, sentAtMillis, visibleAt, receives: 0, receiptHandle: '' });
  }

  async function take(maxMessages: number, hiddenSecs = visibilitySecs): Promise<ReceivedMessage[]> {
    const taken: ReceivedMessage[] = [];
    for (const message of kept) {
      if (taken.length === maxMessages) break;
      if (message.visibleAt > now()) continue;
      if (message.receives >= maxReceives) {
        kept.delete(message);
        await deadLetters?.send([message.outgoing]);
        continue;
      }
      message.receives += 1;
      message.visibleAt = now() + hiddenSecs * 1000;
      message.receiptHandle = randomUUID();
      const { id, receiptHandle, receives: receiveCount, sentAtMillis } = message;
      taken.push({ id, body: message.outgoing.body, receiptHandle, receiveCount, sentAtMillis });
    }
    return taken;
  }

  return {
    faults,
    sent,
    get waiting() {
      return [...kept].map(({ outgoing }) => outgoing);
    },
    get nextVisibleAt() {
      return [...kept].map(({ visibleAt }) => visibleAt).toSorted((a, b) => a - b)[0];
    },
    async send(messages, { signal } = {}) {
      signal?.throwIfAborted();
      await around(faults, { operation: 'send', messages }, () => messages.forEach(add));
    },
    async receive({ maxMessages, waitSecs, visibilitySecs: hiddenSecs, signal }) {
      signal?.throwIfAborted();
      const until = options.now === undefined ? Date.now() + waitSecs * 1000 : 0;
      return around(faults, { operation: 'receive' }, async () => {
        for (;;) {
          const taken = await take(maxMessages, hiddenSecs);
          if (taken.length > 0 || Date.now() >= until) return taken;
          await sleep(POLL_MILLIS, undefined, signal === undefined ? {} : { signal });
        }
      });
    },
    async delete(receiptHandle, { signal } = {}) {
      signal?.throwIfAborted();
      await around(faults, { operation: 'delete' }, () => {
        const message = held(receiptHandle);
        if (message !== undefined) kept.delete(message);
      });
    },
    async changeVisibility(receiptHandle, secs, { signal } = {}) {
      signal?.throwIfAborted();
      await around(faults, { operation: 'changeVisibility' }, () => {
        const message = held(receiptHandle);
        if (message !== undefined) message.visibleAt = now() + secs * 1000;
      });
    },
  };
}

/** A deadline that nothing reaches, or that comes when its controller is aborted. */
export function deadlineOf(controller = new AbortController(), remainingMillis = 60_000) {
  return { signal: controller.signal, remainingMillis: () => remainingMillis };
}
