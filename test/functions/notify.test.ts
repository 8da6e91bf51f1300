import { describe, expect, test } from 'vitest';
import { eventBusNotifier } from '../../functions/finalizer/notify.ts';
import type { JobEvent } from '../../lib/jobs/fabric-ports.ts';
import { serveAws } from './aws-server.ts';

const event: JobEvent = {
  pipeline: 'wine',
  job: 'a'.repeat(64),
  status: 'complete',
  counts: { total: 54, succeeded: 53, failed: 1 },
  manifest: 's3://output/wine/wine.jsonl/_manifest.json',
};

describe('the event bus', () => {
  test('is told of a job that has ended', async () => {
    const sent = await serveAws(() => ({ body: { FailedEntryCount: 0, Entries: [{ EventId: 'e1' }] } }));
    await eventBusNotifier('jobs')(event);
    expect(sent.map(({ body }) => body)).toEqual([
      {
        Entries: [
          {
            EventBusName: 'jobs',
            Source: 'inference-fabric',
            DetailType: 'Job completed',
            Detail: JSON.stringify(event),
            Resources: [],
          },
        ],
      },
    ]);
  });

  test('says so where it does not take an event, so that it is sent again', async () => {
    const refused = { FailedEntryCount: 1, Entries: [{ ErrorCode: 'Throttled', ErrorMessage: 'slow down' }] };
    await serveAws(() => ({ body: refused }));
    await expect(eventBusNotifier('jobs')(event)).rejects.toMatchObject({
      code: 'EVENT_NOT_SENT',
      disposition: 'retry',
      message: 'the event bus refused an event: slow down',
    });
  });
});
