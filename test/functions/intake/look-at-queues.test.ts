import { expect, test } from 'vitest';
import { isLookRequest, lookAtQueues } from '../../../functions/intake/look-at-queues.ts';
import { openSqsClient } from '../../../lib/stores/sqs-queue.ts';
import { serveAws } from '../aws-server.ts';

test('a look at queues asks each of them for an attribute, and fails where one can’t be asked', async () => {
  const requests = await serveAws(({ body }) =>
    String(body['QueueUrl']).endsWith('/gone')
      ? { status: 400, error: 'QueueDoesNotExist' }
      : { body: { Attributes: {} } },
  );
  const client = openSqsClient();
  const lookAt = ['https://sqs.test/1/one', 'https://sqs.test/1/other'];
  await lookAtQueues({ lookAt }, client);
  expect(requests.map(({ operation }) => operation)).toEqual(lookAt.map(() => 'GetQueueAttributes'));
  expect(new Set(requests.map(({ body }) => body['QueueUrl']))).toEqual(new Set(lookAt));
  await expect(lookAtQueues({ lookAt: ['https://sqs.test/1/gone'] }, client)).rejects.toThrow();
});

test('messages of a queue are no look', () => {
  expect(isLookRequest({ Records: [] })).toBe(false);
  expect(isLookRequest({ lookAt: [] })).toBe(true);
});
