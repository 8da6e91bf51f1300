import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';

/** What a schedule asks intake for. */
export interface LookRequest {
  /** URLs of queues. */
  readonly lookAt: readonly string[];
}

export function isLookRequest(event: object): event is LookRequest {
  return 'lookAt' in event;
}

/**
 * Looks at queues, so that CloudWatch goes on to have metrics of them: one that nobody uses for six hours is taken for asleep,
 * and when it is used again, its metrics may come 15 minutes late.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html
 */
export async function lookAtQueues({ lookAt }: LookRequest, client: SQSClient): Promise<void> {
  const look = (url: string): Promise<unknown> =>
    client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages'] }));
  await Promise.all(lookAt.map(look));
}
