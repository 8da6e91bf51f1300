import type { AddressInfo } from 'node:net';
import { buildApp } from 'fauxqs';
import {
  ACCOUNT,
  answerConditions,
  keepReceived,
  nameQueues,
  type ObjectWritten,
  reportRemovals,
  reportWrites,
} from './emulator-hooks.ts';
import { emulatedStores } from './emulated-objects.ts';

export type { ObjectWritten };

/** S3 and SQS in this process, on 127.0.0.1. Their data is in memory until this is disposed of. */
export interface EmbeddedAws extends AsyncDisposable {
  readonly endpoint: string;
  createBucket(name: string): Promise<void>;
  /** Creates a queue with attributes of SQS. @returns its URL */
  createQueue(name: string, attributes?: Readonly<Record<string, string>>): Promise<string>;
  /** Calls a listener, which must not throw, for each object as soon as it is written. @returns a function that ends this */
  onWritten(listener: (event: ObjectWritten) => void): () => void;
  /** Calls a listener, which must not throw, for each object that a single request removes. @returns a function that ends this */
  onRemoved(listener: (event: ObjectRemoved) => void): () => void;
}

export type ObjectRemoved = Pick<ObjectWritten, 'bucket' | 'key'>;

export const REGION = 'us-east-1';

/** Starts the emulator on a port that the system chooses. */
export async function startEmbeddedAws(): Promise<EmbeddedAws> {
  const stores = await emulatedStores();
  const app = buildApp({ logger: false, defaultRegion: REGION, stores });
  const listeners = new Set<(event: ObjectWritten) => void>();
  const removalListeners = new Set<(event: ObjectRemoved) => void>();
  answerConditions(app, stores.s3Store);
  reportWrites(app, stores.s3Store, (event) => {
    for (const listener of listeners) listener(event);
  });
  reportRemovals(app, (event) => {
    for (const listener of removalListeners) listener(event);
  });
  nameQueues(app);
  keepReceived(app, stores.sqsStore);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async createBucket(name) {
      stores.s3Store.createBucket(name);
    },
    async createQueue(name, attributes = {}) {
      const url = `http://127.0.0.1:${port}/${ACCOUNT}/${name}`;
      if (stores.sqsStore.getQueueByName(name) === undefined)
        stores.sqsStore.createQueue(name, url, queueArn(name), { ...attributes });
      return url;
    },
    onWritten(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    onRemoved(listener) {
      removalListeners.add(listener);
      return () => void removalListeners.delete(listener);
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** Returns the ARN by which the redrive policy of another queue names a queue. */
export function queueArn(name: string): string {
  return `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
}

/** Returns the environment variables that direct the AWS SDK to an emulator. */
export function awsEnvironment(endpoint: string): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    // These two would take precedence over it.
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ENDPOINT_URL_SQS: endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  };
}
