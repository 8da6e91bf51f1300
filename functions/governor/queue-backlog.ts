import { GetQueueAttributesCommand, type QueueAttributeName, type SQSClient } from '@aws-sdk/client-sqs';
import type { GovernorPorts } from './ports.ts';

const VISIBLE = 'ApproximateNumberOfMessages';
const DELAYED = 'ApproximateNumberOfMessagesDelayed';
const IN_FLIGHT = 'ApproximateNumberOfMessagesNotVisible';
const ATTRIBUTES: QueueAttributeName[] = [VISIBLE, DELAYED, IN_FLIGHT];

/** Returns a function that reads the approximate numbers of messages in a queue. */
export function openBacklog(client: SQSClient): GovernorPorts['backlogOf'] {
  return async (queue, { signal }) => {
    const command = new GetQueueAttributesCommand({ QueueUrl: queue, AttributeNames: ATTRIBUTES });
    const { Attributes = {} } = await client.send(command, { abortSignal: signal });
    return {
      visible: Number(Attributes[VISIBLE] ?? 0),
      delayed: Number(Attributes[DELAYED] ?? 0),
      inFlight: Number(Attributes[IN_FLIGHT] ?? 0),
    };
  };
}
