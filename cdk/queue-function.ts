import type { Duration } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { FabricFunction, type FabricFunctionProps } from './fabric-function.ts';
import { consumeFrom } from './permissions.ts';

/** How Lambda gathers messages of a queue for one invocation. */
export interface PollerProps {
  /** Queue to poll. */
  readonly queue: sqs.IQueue;
  /** Maximum number of messages of one invocation. */
  readonly batchSize: number;
  /** Time for which messages are gathered. @default - an invocation starts with the messages of one receive */
  readonly window?: Duration | undefined;
  /** Maximum number of concurrent invocations. @default - not in the template: unlimited, or set by a governor */
  readonly maxConcurrency?: number | undefined;
}

/** Properties of a function with a queue. */
export interface QueueFunctionProps extends Omit<FabricFunctionProps, 'feedsItself'> {
  /** How the queue is polled. */
  readonly poller: PollerProps;
}

/** A function that processes messages of a queue. It can send to its own queue to continue work in another invocation. */
export class QueueFunction extends FabricFunction {
  /** Event source mapping of the queue. */
  readonly poller: lambda.EventSourceMapping;

  constructor(scope: Construct, id: string, { poller, statements, ...props }: QueueFunctionProps) {
    super(scope, id, { ...props, feedsItself: true, statements: [consumeFrom(poller.queue), ...statements] });
    this.poller = this.function.addEventSourceMapping('Poller', {
      eventSourceArn: poller.queue.queueArn,
      batchSize: poller.batchSize,
      reportBatchItemFailures: true,
      ...(poller.window === undefined ? {} : { maxBatchingWindow: poller.window }),
      ...(poller.maxConcurrency === undefined ? {} : { maxConcurrency: poller.maxConcurrency }),
    });
  }
}
