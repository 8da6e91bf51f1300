import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type Emulator, emulatorEnvironment, REGION } from './emulators/emulator.ts';

/** An emulator to which this process's environment points until it is disposed of. */
export interface EmulatedAws extends AsyncDisposable {
  readonly emulator: Emulator;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  createBucket(name: string): Promise<void>;
  /** Creates a queue with SQS's own attributes. @returns its URL */
  createQueue(name: string, attributes?: Readonly<Record<string, string>>): Promise<string>;
}

export async function useEmulator(starting: Promise<Emulator>): Promise<EmulatedAws> {
  const emulator = await starting;
  const variables = emulatorEnvironment(emulator);
  const former = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  const s3 = new S3Client({ region: REGION, forcePathStyle: true });
  const sqs = new SQSClient({ region: REGION, useQueueUrlAsEndpoint: false });
  return {
    emulator,
    s3,
    sqs,
    async createBucket(name) {
      await s3.send(new CreateBucketCommand({ Bucket: name }));
    },
    async createQueue(name, attributes = {}) {
      const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
      return QueueUrl;
    },
    async [Symbol.asyncDispose]() {
      s3.destroy();
      sqs.destroy();
      for (const [name, value] of former) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      await emulator[Symbol.asyncDispose]();
    },
  };
}

export async function queueArn({ sqs }: EmulatedAws, url: string): Promise<string> {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] });
  const { Attributes } = await sqs.send(command);
  return Attributes?.QueueArn ?? '';
}

/** Has a queue move messages on to another after so many receives. */
export async function parkAfter(
  aws: EmulatedAws,
  queue: string,
  { parked, receives }: { readonly parked: string; readonly receives: number },
): Promise<void> {
  const redrive = { deadLetterTargetArn: await queueArn(aws, parked), maxReceiveCount: receives };
  const Attributes = { RedrivePolicy: JSON.stringify(redrive) };
  await aws.sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue, Attributes }));
}
