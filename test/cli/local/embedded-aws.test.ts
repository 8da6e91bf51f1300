import { Readable } from 'node:stream';
import { CreateMultipartUploadCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, GetQueueUrlCommand, ListQueuesCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ObjectWritten, queueArn, startEmbeddedAws } from '../../../cli/local/embedded-aws.ts';
import { startTestAws, type TestAws } from '../../embedded-aws.ts';

describe('the embedded AWS', () => {
  let aws: TestAws;
  let s3: S3Client;
  beforeAll(async () => {
    aws = await startTestAws();
    s3 = new S3Client({ forcePathStyle: true });
    await aws.createBucket('bucket');
  });
  afterAll(async () => {
    s3.destroy();
    await aws[Symbol.asyncDispose]();
  });

  test('listens on 127.0.0.1 only, each on a port of its own', async () => {
    await using other = await startEmbeddedAws();
    expect(other.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(other.endpoint).not.toBe(aws.endpoint);
  });

  test('tells of each object that was written, once, and of nothing else', async () => {
    await aws.createBucket('written');
    const events: ObjectWritten[] = [];
    const end = aws.onWritten((event) => events.push(event));
    const bucket = 'written';
    const at = (key: string) => ({ bucket, key });
    const small = await aws.store.put(at('a b+c/ä'), 'hello', { only: 'absent' });
    await aws.store.put(at('a b+c/ä'), 'refused', { only: 'absent' });
    await aws.store.put(at('missing'), 'refused', { only: { ifMatch: 'a' } });
    const large = await aws.store.put(at('large'), Buffer.alloc(12 * 1024 * 1024));
    await aws.store.copy(at('a b+c/ä'), at('copy'));
    await aws.store.copy(at('missing'), at('copy of nothing'));
    await aws.store.delete(at('large'));
    await aws.createQueue('written');
    end();
    await aws.store.put(at('later'), 'unheard');
    expect(events).toEqual([
      { bucket: 'written', key: 'a b+c/ä', etag: small?.etag, byteLength: 5 },
      { bucket: 'written', key: 'large', etag: large?.etag, byteLength: 12 * 1024 * 1024 },
      { bucket: 'written', key: 'copy', etag: small?.etag, byteLength: 5 },
    ]);
  });

  test('takes a body in AWS chunks', async () => {
    const Body = Readable.from([Buffer.alloc(100_000, 'a'), Buffer.alloc(50_000, 'b')]);
    await s3.send(
      new PutObjectCommand({ Bucket: 'bucket', Key: 'chunked', Body, ContentLength: 150_000, IfNoneMatch: '*' }),
    );
    expect(await aws.store.head({ bucket: 'bucket', key: 'chunked' })).toMatchObject({ byteLength: 150_000 });
    const { Body: stored } = await s3.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'chunked' }));
    expect(await stored?.transformToString()).toBe('a'.repeat(100_000) + 'b'.repeat(50_000));
  });

  test('refuses conditional writes as S3 does', async () => {
    const put = (Key: string, condition: object) =>
      s3.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: 'text', ...condition }));
    await put('refused', {});
    await expect(put('refused', { IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    await expect(put('refused', { IfMatch: '"a"' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    await expect(put('absent', { IfMatch: '"a"' })).rejects.toMatchObject({ name: 'NoSuchKey' });
    const Bucket = 'no-such-bucket';
    await expect(s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'text', IfNoneMatch: '*' }))).rejects.toThrow(
      'bucket',
    );
    await expect(s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'a' }))).rejects.toThrow('bucket');
  });

  test('names queues by the address it is reached at', async () => {
    const url = `${aws.endpoint}/000000000000/named`;
    expect((await aws.sqs.send(new CreateQueueCommand({ QueueName: 'named' }))).QueueUrl).toBe(url);
    expect((await aws.sqs.send(new GetQueueUrlCommand({ QueueName: 'named' }))).QueueUrl).toBe(url);
    expect((await aws.sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'named' }))).QueueUrls).toEqual([url]);
    expect((await aws.createQueue('named')).url).toBe(url);
  });

  test('keeps a queue that is created again', async () => {
    const queue = await aws.createQueue('kept');
    await queue.send([{ body: 'kept' }]);
    const again = await aws.createQueue('kept');
    expect(await again.receive({ maxMessages: 1, waitSecs: 0 })).toMatchObject([{ body: 'kept' }]);
  });

  test('parks by ARN', async () => {
    const parked = await aws.createQueue('parked');
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn('parked'), maxReceiveCount: 1 });
    const queue = await aws.createQueue('parking', { VisibilityTimeout: '0', RedrivePolicy });
    await queue.send([{ body: 'poison' }]);
    expect(await queue.receive({ maxMessages: 1, waitSecs: 1 })).toHaveLength(1);
    expect(await queue.receive({ maxMessages: 1, waitSecs: 0 })).toHaveLength(0);
    expect(await parked.receive({ maxMessages: 1, waitSecs: 1 })).toMatchObject([{ body: 'poison' }]);
  });

  test('keeps messages from a receiver that stopped waiting', async () => {
    const queue = await aws.createQueue('stopped', { VisibilityTimeout: '3600' });
    const stop = new AbortController();
    const receiving = queue.receive({ maxMessages: 1, waitSecs: 20, signal: stop.signal });
    // The receiver is waiting when the queue answers another.
    await queue.receive({ maxMessages: 1, waitSecs: 0 });
    stop.abort();
    await expect(receiving).rejects.toThrow();
    await queue.send([{ body: 'for the next' }]);
    expect(await queue.receive({ maxMessages: 1, waitSecs: 5 })).toMatchObject([{ body: 'for the next' }]);
  });
});
