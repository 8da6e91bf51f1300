import type { SQSClient } from '@aws-sdk/client-sqs';
import { awsEnvironment, type EmbeddedAws, startEmbeddedAws } from '../cli/local/embedded-aws.ts';
import type { MessageQueue } from '../lib/stores/message-queue.ts';
import type { ObjectStore } from '../lib/stores/object-store.ts';
import { openS3ObjectStore } from '../lib/stores/s3-object-store.ts';
import { openSqsClient, openSqsQueue } from '../lib/stores/sqs-queue.ts';

/** S3 and SQS for a test, whose process's environment points to them until they are disposed of. */
export interface TestAws extends AsyncDisposable {
  readonly endpoint: string;
  readonly store: ObjectStore;
  readonly sqs: SQSClient;
  readonly onWritten: EmbeddedAws['onWritten'];
  createBucket(name: string): Promise<void>;
  createQueue(
    name: string,
    attributes?: Readonly<Record<string, string>>,
  ): Promise<MessageQueue & { readonly url: string }>;
}

export async function startTestAws(): Promise<TestAws> {
  const aws = await startEmbeddedAws();
  const restore = setEnvironment(awsEnvironment(aws.endpoint));
  const store = openS3ObjectStore();
  const sqs = openSqsClient();
  return {
    endpoint: aws.endpoint,
    store,
    sqs,
    onWritten: (listener) => aws.onWritten(listener),
    createBucket: (name) => aws.createBucket(name),
    async createQueue(name, attributes) {
      const url = await aws.createQueue(name, attributes);
      const queue = openSqsQueue(url, sqs);
      return {
        url,
        send: (messages, options) => queue.send(messages, options),
        receive: (options) => queue.receive(options),
        delete: (handle, options) => queue.delete(handle, options),
        changeVisibility: (handle, secs, options) => queue.changeVisibility(handle, secs, options),
      };
    },
    async [Symbol.asyncDispose]() {
      store[Symbol.dispose]();
      sqs.destroy();
      restore();
      await aws[Symbol.asyncDispose]();
    },
  };
}

/** Sets variables of this process. @returns what gives them their former values */
function setEnvironment(variables: Readonly<Record<string, string>>): () => void {
  const former = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of former) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
