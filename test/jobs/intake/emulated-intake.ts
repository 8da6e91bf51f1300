import type { MessageQueue, ReceivedMessage } from '../../../lib/stores/message-queue.ts';
import { startTestAws, type TestAws } from '../../embedded-aws.ts';

type Queue = Awaited<ReturnType<TestAws['createQueue']>>;

export interface EmulatedIntake extends AsyncDisposable {
  readonly store: TestAws['store'];
  readonly queues: { readonly intake: Queue; readonly finalizer: Queue; readonly bundles: Queue };
}

/** Starts an emulator with the buckets `bucket-in` and `bucket-out`, and the queues that intake works with. */
export async function startEmulatedIntake(): Promise<EmulatedIntake> {
  const aws = await startTestAws();
  await Promise.all(['bucket-in', 'bucket-out'].map((bucket) => aws.createBucket(bucket)));
  const queues = {
    intake: await aws.createQueue('intake'),
    finalizer: await aws.createQueue('finalizer'),
    bundles: await aws.createQueue('bundles'),
  };
  return { store: aws.store, queues, [Symbol.asyncDispose]: () => aws[Symbol.asyncDispose]() };
}

/** Receives all messages that a queue has now. */
export async function messagesOf(queue: MessageQueue): Promise<readonly ReceivedMessage[]> {
  const all: ReceivedMessage[] = [];
  for (;;) {
    const messages = await queue.receive({ maxMessages: 10, waitSecs: 0 });
    if (messages.length === 0) return all;
    all.push(...messages);
  }
}
