import type { Duration } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { FabricFunction, type FabricFunctionProps } from './fabric-function.ts';
import { takeFrom } from './permissions.ts';

/** How Lambda gathers a queue's messages for a run of the function. */
export interface PollerProps {
  readonly queue: sqs.IQueue;
  readonly batchSize: number;
  /** @default none: a run starts with what is there */
  readonly window?: Duration | undefined;
  /** @default the template says nothing of it: none, or what a governor has set */
  readonly maxConcurrency?: number | undefined;
}

export interface QueueFunctionProps extends Omit<FabricFunctionProps, 'feedsItself'> {
  readonly poller: PollerProps;
}

/** A function that works off a queue. It may send to that queue: work goes on in the next run, bounded by its age. */
export class QueueFunction extends FabricFunction {
  readonly poller: lambda.EventSourceMapping;

  constructor(scope: Construct, id: string, { poller, statements, ...props }: QueueFunctionProps) {
    super(scope, id, { ...props, feedsItself: true, statements: [takeFrom(poller.queue), ...statements] });
    this.poller = this.function.addEventSourceMapping('Poller', {
      eventSourceArn: poller.queue.queueArn,
      batchSize: poller.batchSize,
      reportBatchItemFailures: true,
      ...(poller.window === undefined ? {} : { maxBatchingWindow: poller.window }),
      ...(poller.maxConcurrency === undefined ? {} : { maxConcurrency: poller.maxConcurrency }),
    });
  }
}
