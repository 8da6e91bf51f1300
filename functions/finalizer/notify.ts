import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { FabricError } from '../../lib/errors.ts';
import type { JobEvent } from '../../lib/jobs/fabric-ports.ts';
import { clientConfig } from '../../lib/stores/aws-client.ts';

/** Returns a function that sends the event of an ended job to an EventBridge bus. @throws FabricError if the bus refuses it */
export function eventBusNotifier(eventBus: string): (event: JobEvent) => Promise<void> {
  const client = new EventBridgeClient(clientConfig({}));
  return async (event) => {
    const entry = {
      EventBusName: eventBus,
      Source: 'inference-fabric',
      DetailType: 'Job completed',
      Detail: JSON.stringify(event),
      Resources: [],
    };
    const { FailedEntryCount = 0, Entries = [] } = await client.send(new PutEventsCommand({ Entries: [entry] }));
    if (FailedEntryCount === 0) return;
    const reason = Entries[0]?.ErrorMessage ?? 'no reason given';
    throw new FabricError('EVENT_NOT_SENT', `the event bus refused an event: ${reason}`, { disposition: 'retry' });
  };
}
