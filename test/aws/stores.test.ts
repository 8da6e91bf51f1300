import { afterAll, beforeAll, describe, inject } from 'vitest';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient } from '../../lib/stores/sqs-queue.ts';
import { describeMessageQueue } from '../stores/message-queue-contract.ts';
import { describeObjectStore } from '../stores/object-store-contract.ts';
import { type EmulatedAws, useEmulator } from './emulated-aws.ts';
import type { Emulator } from './emulators/emulator.ts';
import { startLocalStack } from './emulators/localstack.ts';
import { startMinistack } from './emulators/ministack.ts';

/** What an emulator is known not to do, by the names of the contracts' tests: why not. */
type Departures = Readonly<Record<string, string>>;

const UNLOCKED =
  'LocalStack 4.14.0 looks whether the condition holds before it joins the parts of a multipart upload, without a lock';
const LOCALSTACK_OBJECTS: Departures = {
  'has one winner among 4 that put 12582912 bytes where no object is': UNLOCKED,
  'has one winner among 4 that replace the same object by 12582912 bytes': UNLOCKED,
  'lists 1,100 objects once each, in the order of their keys as UTF-8':
    'LocalStack 4.14.0 reads the token of a second page as ASCII: status 500 where the key in it is not',
};

describeStores('LocalStack', startLocalStack, LOCALSTACK_OBJECTS);
describeStores('ministack', startMinistack);

function describeStores(name: string, start: (python: string) => Promise<Emulator>, departures: Departures = {}): void {
  describe(name, () => {
    let aws: EmulatedAws;
    beforeAll(async () => {
      aws = await useEmulator(start(inject('python')));
    });
    afterAll(() => aws[Symbol.asyncDispose]());

    describeObjectStore('an S3 store', {
      departures,
      async open() {
        await aws.createBucket('bucket');
        const store = openS3ObjectStore();
        return { store, bucket: 'bucket', [Symbol.asyncDispose]: async () => store[Symbol.dispose]() };
      },
    });

    describeMessageQueue('a queue of SQS', {
      async open() {
        const sqs = openSqsClient();
        return { sqs, [Symbol.asyncDispose]: async () => sqs.destroy() };
      },
    });
  });
}
