import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { ROOT } from '../examples/run-fabric.ts';
import { BucketWatch, notify } from './bucket-watch.ts';
import { type EmulatedAws, queueArn } from './emulated-aws.ts';

/** Where a fabric of the repository's `fabric.config.ts` takes and leaves things. */
export interface FabricPlace {
  readonly inputBucket: string;
  readonly outputBucket: string;
  /** The URLs of queues, as those that follow. */
  readonly intake: string;
  /** By pipeline. */
  readonly bundles: Readonly<Record<string, string>>;
  /** Failed elements, by pipeline. */
  readonly deadLetters: Readonly<Record<string, string>>;
  /** Bundles that were given up, by pipeline. */
  readonly parked: Readonly<Record<string, string>>;
}

const TAKE_MILLIS = 60_000;

/** A version of an object, as S3's event tells of it. */
export interface DroppedObject {
  readonly key: string;
  readonly etag: string;
  readonly versionId: string | undefined;
}

/** A fabric on an emulator, as a user sees it: files are dropped, results appear, failures are in a queue. */
export class DeployedFabric implements AsyncDisposable {
  readonly aws: EmulatedAws;
  readonly place: FabricPlace;
  readonly store: ObjectStore;
  /** Sees what is written to the output bucket. */
  readonly output: BucketWatch;

  private constructor(aws: EmulatedAws, place: FabricPlace, store: ObjectStore, output: BucketWatch) {
    this.aws = aws;
    this.place = place;
    this.store = store;
    this.output = output;
  }

  static async watch(aws: EmulatedAws, place: FabricPlace, store: ObjectStore): Promise<DeployedFabric> {
    return new DeployedFabric(aws, place, store, await BucketWatch.start(aws, place.outputBucket));
  }

  async drop(key: string, body: string | Uint8Array): Promise<DroppedObject> {
    const command = new PutObjectCommand({ Bucket: this.place.inputBucket, Key: key, Body: body });
    const { ETag = '', VersionId } = await this.aws.s3.send(command);
    return { key, etag: ETag.replaceAll('"', ''), versionId: VersionId };
  }

  /** Drops a file of `examples/data`. */
  async dropExample(key: string, path: string): Promise<DroppedObject> {
    return this.drop(key, await readFile(join(ROOT, 'examples/data', path)));
  }

  /** Sends the bucket's events to intake, as deployed, or nowhere. */
  async sendEvents(wanted: boolean): Promise<void> {
    const arn = wanted ? await queueArn(this.aws, this.place.intake) : undefined;
    await notify(this.aws.s3, this.place.inputBucket, arn);
  }

  /** @returns the message's id */
  async send(queue: string, body: string): Promise<string> {
    const { MessageId = '' } = await this.aws.sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: body }));
    return MessageId;
  }

  /** The body of the first message that comes to a queue. */
  async take(queue: string): Promise<string> {
    for (const deadline = performance.now() + TAKE_MILLIS; performance.now() < deadline;) {
      const receive = new ReceiveMessageCommand({ QueueUrl: queue, WaitTimeSeconds: 10 });
      const [message] = (await this.aws.sqs.send(receive)).Messages ?? [];
      if (message !== undefined) return message.Body ?? '';
    }
    throw new Error(`no message came to ${queue}\n${await this.aws.emulator.log()}`);
  }

  /** Takes all messages that are in a queue. */
  async takeAll(queue: string): Promise<readonly string[]> {
    const taken: string[] = [];
    for (;;) {
      const receive = new ReceiveMessageCommand({ QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
      const { Messages = [] } = await this.aws.sqs.send(receive);
      if (Messages.length === 0) return taken;
      taken.push(...Messages.map(({ Body = '' }) => Body));
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      await this.aws.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queue, Entries }));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.output[Symbol.asyncDispose]();
  }
}
