import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { awsEnvironment } from '../../cli/local/embedded-aws.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { startTestAws } from '../embedded-aws.ts';
import { describeMessageQueue } from './message-queue-contract.ts';

describeMessageQueue('a queue of SQS', { open: startTestAws });

interface Entry {
  readonly Id: string;
  readonly MessageBody: string;
}

describe('sending to a queue of SQS', () => {
  test('sends again what was not taken of a batch, and nothing else', async () => {
    const sent: string[][] = [];
    const queue = await queueThat((entries) => {
      sent.push(entries.map(({ MessageBody }) => MessageBody));
      return sent.length === 1 ? { refused: ['1', '3'], senderFault: false } : { refused: [], senderFault: false };
    });
    await queue.send(['a', 'b', 'c', 'd'].map((body) => ({ body })));
    expect(sent).toEqual([
      ['a', 'b', 'c', 'd'],
      ['b', 'd'],
    ]);
  });

  test('is to be tried again later where a message is never taken', async () => {
    const queue = await queueThat(() => ({ refused: ['0'], senderFault: false }));
    await expect(queue.send([{ body: 'a' }])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      disposition: 'retry',
    });
  });

  test('ends at once where the fault is the message', async () => {
    let batches = 0;
    const queue = await queueThat(() => {
      batches += 1;
      return { refused: ['0'], senderFault: true };
    });
    await expect(queue.send([{ body: 'a' }])).rejects.toMatchObject({ code: 'STORE_REFUSED', disposition: 'fatal' });
    expect(batches).toBe(1);
  });

  test('keeps to 10 messages and 256 KiB a batch, however many are to be sent', async () => {
    const sent: Entry[][] = [];
    const queue = await queueThat((entries) => {
      sent.push([...entries]);
      return { refused: [], senderFault: false };
    });
    const bodies = Array.from({ length: 120 }, (_, index) => `${index} ${'ä'.repeat((index * 7_919) % 110_000)}`);
    await queue.send(bodies.map((body) => ({ body, attributes: { pipeline: 'shout' } })));
    expect(
      sent
        .flat()
        .map(({ MessageBody }) => MessageBody)
        .sort(),
    ).toEqual(bodies.toSorted());
    for (const entries of sent) {
      expect(entries.length).toBeLessThanOrEqual(10);
      const size = entries.reduce((sum, { MessageBody }) => sum + Buffer.byteLength(MessageBody), 0);
      expect(size).toBeLessThanOrEqual(256 * 1024);
      expect(new Set(entries.map(({ Id }) => Id)).size).toBe(entries.length);
    }
  });
});

function takenEntry({ Id, MessageBody }: Entry) {
  return { Id, MessageId: Id, MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex') };
}

/** A queue that takes of a batch what it is told to. */
async function queueThat(
  answer: (entries: readonly Entry[]) => { readonly refused: readonly string[]; readonly senderFault: boolean },
) {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { Entries } = JSON.parse(Buffer.concat(await Array.fromAsync(request)).toString()) as { Entries: Entry[] };
    const { refused, senderFault } = answer(Entries);
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    response.end(
      JSON.stringify({
        Successful: Entries.filter(({ Id }) => !refused.includes(Id)).map(takenEntry),
        Failed: refused.map((Id) => ({ Id, Code: 'Odd', Message: 'said the queue', SenderFault: senderFault })),
      }),
    );
  };
  const server = createServer((request, response) => void respond(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  Object.assign(process.env, awsEnvironment(endpoint));
  const client = openSqsClient();
  onTestFinished(() => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
  return openSqsQueue(`${endpoint}/000000000000/queue`, client);
}
