import { describe, expect, test } from 'vitest';
import { Notifications } from '../../../cli/local/notifications.ts';
import { compareSequencers, readS3Event } from '../../../lib/jobs/sending/s3-events.ts';
import type { OutgoingMessage } from '../../../lib/stores/message-queue.ts';
import { FakeQueue } from './fake-queue.ts';

function notifications(): { readonly bodies: string[]; readonly told: Notifications; readonly errors: unknown[] } {
  const bodies: string[] = [];
  const errors: unknown[] = [];
  class Kept extends FakeQueue {
    override async send(messages: readonly OutgoingMessage[]): Promise<void> {
      if (messages.some(({ body }) => body.includes('unlucky'))) throw new Error('no queue');
      bodies.push(...messages.map(({ body }) => body));
    }
  }
  const told = new Notifications({
    bucket: 'input',
    queue: new Kept(),
    now: () => Date.UTC(2026, 10, 21, 2, 30),
    onError: (error) => errors.push(error),
  });
  return { bodies, told, errors };
}

describe('bucket notifications', () => {
  test('are as S3 writes them: keys encoded as in a form', async () => {
    const { bodies, told } = notifications();
    told.objectWritten({ bucket: 'input', key: "wine/red & white/ré+1's (2).jsonl", etag: 'e1', byteLength: 7 });
    await told.settled();
    expect(bodies.map((body) => JSON.parse(body) as unknown)).toMatchObject([
      {
        Records: [
          {
            eventSource: 'aws:s3',
            eventName: 'ObjectCreated:Put',
            eventTime: '2026-11-21T02:30:00.000Z',
            s3: {
              bucket: { name: 'input' },
              object: { key: 'wine/red+%26+white/r%C3%A9%2B1%27s+%282%29.jsonl', size: 7, eTag: 'e1' },
            },
          },
        ],
      },
    ]);
    expect(readS3Event(bodies[0] ?? '')).toMatchObject([
      { bucket: 'input', key: "wine/red & white/ré+1's (2).jsonl", etag: 'e1', byteLength: 7 },
    ]);
  });

  test('say by their sequencers which came first', async () => {
    const { bodies, told } = notifications();
    for (let n = 0; n < 20; n += 1) told.objectWritten({ bucket: 'input', key: 'a/b', etag: `${n}`, byteLength: n });
    await told.settled();
    const sequencers = bodies.flatMap((body) => readS3Event(body)).map(({ sequencer = '' }) => sequencer);
    expect(sequencers).toHaveLength(20);
    expect(sequencers.toSorted(compareSequencers)).toEqual(sequencers);
    expect(new Set(sequencers).size).toBe(20);
  });

  test('are of their bucket only', async () => {
    const { bodies, told } = notifications();
    told.objectWritten({ bucket: 'output', key: 'a/b', etag: 'e', byteLength: 1 });
    await told.settled();
    expect(bodies).toEqual([]);
  });

  test('go on after one that could not be sent, and that is told', async () => {
    const { bodies, told, errors } = notifications();
    told.objectWritten({ bucket: 'input', key: 'a/unlucky', etag: 'e', byteLength: 1 });
    await told.settled();
    told.objectWritten({ bucket: 'input', key: 'a/lucky', etag: 'e', byteLength: 1 });
    await told.settled();
    expect(errors).toEqual([new Error('no queue')]);
    expect(bodies).toHaveLength(1);
  });
});
