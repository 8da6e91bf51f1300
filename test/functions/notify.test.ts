import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { eventBusNotifier } from '../../functions/finalizer/notify.ts';
import type { JobEvent } from '../../lib/jobs/fabric-ports.ts';

const event: JobEvent = {
  pipeline: 'wine',
  job: 'a'.repeat(64),
  status: 'complete',
  counts: { total: 54, succeeded: 53, failed: 1 },
  manifest: 's3://output/wine/wine.jsonl/manifest.json',
};

/** An event bus that gives one answer, and what it was sent. */
async function eventBus(answer: object): Promise<readonly unknown[]> {
  const sent: unknown[] = [];
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      sent.push(body);
      response.setHeader('content-type', 'application/x-amz-json-1.1').end(JSON.stringify(answer));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.stubEnv('AWS_ENDPOINT_URL_EVENTBRIDGE', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'none');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'none');
  onTestFinished(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });
  return sent;
}

describe('the event bus', () => {
  test('is told of a job that has ended', async () => {
    const sent = await eventBus({ FailedEntryCount: 0, Entries: [{ EventId: 'e1' }] });
    await eventBusNotifier('jobs')(event);
    expect(sent).toEqual([
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
    await eventBus({ FailedEntryCount: 1, Entries: [{ ErrorCode: 'Throttled', ErrorMessage: 'slow down' }] });
    await expect(eventBusNotifier('jobs')(event)).rejects.toMatchObject({
      code: 'EVENT_NOT_SENT',
      disposition: 'retry',
      message: 'the event bus did not take an event: slow down',
    });
  });
});
