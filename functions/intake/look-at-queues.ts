import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';

/** Event with which a schedule invokes intake. */
export interface LookRequest {
  /** URLs of the queues to read. */
  readonly lookAt: readonly string[];
}

/** Returns true for an event of the schedule. */
export function isLookRequest(event: object): event is LookRequest {
  return 'lookAt' in event;
}

/**
 * Reads an attribute of queues, so that CloudWatch keeps their metrics up to date. A queue without requests for six hours is
 * inactive, and when it is used again, its metrics can be 15 minutes late:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html
 */
export async function lookAtQueues({ lookAt }: LookRequest, client: SQSClient): Promise<void> {
  const look = (url: string): Promise<unknown> =>
    client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages'] }));
  await Promise.all(lookAt.map(look));
}
