import { describe, expect, test } from 'vitest';
import { redeem } from '../../../lib/jobs/commit/claim-check.ts';
import { sendLetters } from '../../../lib/jobs/commit/dead-letters.ts';
import { MAX_MESSAGE_BYTES } from '../../../lib/stores/message-queue.ts';
import { memoryObjectStore, memoryQueue } from '../memory-ports.ts';

function line(input: unknown, { stage = 'map', name = 'Error' } = {}): string {
  return JSON.stringify({ id: 'x#0', stage, error: { name, message: 'no' }, attempts: 1, input, source: {} });
}

async function send(lines: readonly string[]) {
  const store = memoryObjectStore();
  const deadLetters = memoryQueue();
  const output = { store, bucket: 'out' };
  const sends: number[] = [];
  deadLetters.faults.before = ({ messages = [] }) => void sends.push(messages.length);
  await sendLetters(lines, { pipeline: 'p', job: 'j', deadLetters, output, claims: '.fabric/p/j/staged' });
  return { store, output, sent: deadLetters.sent, sends };
}

describe('a dead letter', () => {
  test('is the errors line with the pipeline and the job', async () => {
    const { sent } = await send([line({ n: 1 })]);
    expect(JSON.parse(sent[0]?.body ?? '')).toEqual({
      version: 1,
      pipeline: 'p',
      job: 'j',
      ...(JSON.parse(line({ n: 1 })) as object),
    });
  });

  test('that is too large for a queue is in the bucket, and the message is the claim on it', async () => {
    // Two bytes each: characters are not what counts.
    const large = line('ä'.repeat(MAX_MESSAGE_BYTES / 2));
    const { sent, output, store } = await send([line('small'), large]);
    const body = sent[1]?.body ?? '';
    expect(JSON.parse(body)).toEqual({
      version: 1,
      kind: 'claim',
      pipeline: 'p',
      body: { bucket: 'out', key: '.fabric/p/j/staged.letter-1.json' },
    });
    expect(sent[1]?.attributes).toEqual({ pipeline: 'p', stage: 'map', errorName: 'Error' });
    expect(JSON.parse((await redeem(body, output)).text)).toMatchObject({
      job: 'j',
      input: 'ä'.repeat(MAX_MESSAGE_BYTES / 2),
    });
    expect(store.keys('out')).toEqual(['.fabric/p/j/staged.letter-1.json']);
  });

  test('has a body and attributes of characters that SQS takes', async () => {
    const { sent } = await send([
      line('a\uffffb\ufffe\u2028', { name: '' }),
      line(1, { name: `\u0000${'x'.repeat(999)}` }),
    ]);
    expect(sent[0]?.body).not.toMatch(/[\ufffe\uffff]/);
    expect((JSON.parse(sent[0]?.body ?? '') as { input: string }).input).toBe('a\uffffb\ufffe\u2028');
    expect(sent.map(({ attributes }) => attributes?.['errorName'])).toEqual(['unknown', `\ufffd${'x'.repeat(255)}`]);
  });

  test('goes out with others, of which few are in memory at a time', async () => {
    const many = await send(Array.from({ length: 250 }, (_, n) => line(n)));
    expect(many.sends).toEqual([100, 100, 50]);
    const large = await send(Array.from({ length: 12 }, () => line('x'.repeat(200_000))));
    expect(Math.max(...large.sends)).toBe(5);
    expect(large.sent).toHaveLength(12);
  });
});

describe('redeem', () => {
  test('leaves what is no claim as it is, also what is no JSON', async () => {
    const { output } = await send([]);
    for (const text of ['hello', '{"kind":"claim"}', '[]']) expect(await redeem(text, output)).toEqual({ text });
  });

  test('refuses a claim on nothing, in words that say what is missing', async () => {
    const { output } = await send([]);
    const claim = { version: 1, kind: 'claim', pipeline: 'p', body: { bucket: 'out', key: 'none' } };
    await expect(redeem(JSON.stringify(claim), output)).rejects.toThrow(
      "the message's body, s3://out/none, is not there",
    );
  });
});
