import { describe, expect, test } from 'vitest';
import { deadlineOf } from '../memory-ports.ts';
import { benchOf, engines, lettersIn } from './processor-bench.ts';

const engineOf = engines();

describe('a message that does not belong in its queue', () => {
  const bundle = { version: 1, pipeline: 'double', job: 'j', bundle: 0, of: 1 };
  test.each<[string, object | string]>([
    ['no JSON', 'hello'],
    ['no kind', { version: 1, pipeline: 'double' }],
    ["another pipeline's", { version: 1, kind: 'elements', pipeline: 'other', elements: [] }],
    ["the finalizer's", { version: 1, kind: 'finalize', pipeline: 'double', job: 'j', until: 1 }],
    ['half a bundle', { ...bundle, kind: 'objects', of: undefined, objects: [] }],
    ['a claim on nothing', { version: 1, kind: 'claim', pipeline: 'double', body: { bucket: 'out', key: 'none' } }],
    [
      'a key that leads away',
      { version: 1, kind: 'objects', pipeline: 'double', objects: [{ bucket: 'in', key: 'double/../x' }] },
    ],
  ])('is a dead letter, and acknowledged: %s', async (_, message) => {
    const { processor, deliver, deadLetters, telemetry } = benchOf(await engineOf('double'));
    const received = await deliver(message);
    await processor.process(received, deadlineOf());
    expect(lettersIn(deadLetters.sent)).toEqual([
      {
        version: 1,
        pipeline: 'double',
        id: received.id,
        stage: 'read',
        error: { name: 'InvalidMessageError', message: expect.any(String) as string },
        attempts: 1,
        input: received.body,
        source: { messageId: received.id },
      },
    ]);
    expect(telemetry.counts).toEqual({ messages_refused: 1 });
  });
});
