import { describe, expect, test } from 'vitest';
import type { ObjectsMessage } from '../../../lib/elements/messages.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { intakeUnderTest } from './intake-under-test.ts';
import { received, s3Event } from './s3-event.ts';

describe('Intake of objects dropped by themselves', () => {
  test('makes bundles of those that it takes together, whatever messages they came in', async () => {
    const { open, bundles, queues, store } = intakeUnderTest({ input: { bundleElements: 3 } });
    const objects = Array.from({ length: 8 }, (_, index) => ({
      bucket: 'in',
      key: `images/${index}.png`,
      etag: `e${index}`,
      ...(index === 0 ? { versionId: 'v1', sequencer: 'AB' } : {}),
    }));
    const messages = [objects.slice(0, 1), objects.slice(1, 5), objects.slice(5)].map((some) =>
      received(s3Event(some)),
    );
    expect(await open().handle(messages, deadlineOf())).toEqual([]);
    const sent = bundles() as readonly ObjectsMessage[];
    expect(sent.map((message) => message.objects.length)).toEqual([3, 3, 2]);
    expect(sent.flatMap((message) => message.objects)).toEqual(objects);
    expect(sent.every((message) => message.job === undefined)).toBe(true);
    expect(queues.finalizer.sent).toEqual([]);
    expect(store.keys('out')).toEqual([]);
  });

  test('asks of one object key for what it holds last', async () => {
    const { take, bundles } = intakeUnderTest();
    await take(
      written('images/a', 'e2', '0B'),
      written('images/a', 'e1', '0A'),
      written('images/b', 'f', '01'),
      written('images/a', 'e2', '0B'),
    );
    expect(bundles()).toMatchObject([{ objects: [{ etag: 'e2' }, { etag: 'f' }] }]);
  });

  test('leaves a list that is too long for a message in the output bucket', async () => {
    const { take, bundles, store } = intakeUnderTest();
    const objects = Array.from({ length: 256 }, (_, index) => ({
      bucket: 'in',
      key: `images/${'x'.repeat(930)}${index}`,
      etag: 'e'.repeat(32),
    }));
    await take(...objects);
    const [claim] = bundles();
    if (claim?.kind !== 'claim') throw new Error('no claim');
    expect(store.json('out', claim.body.key)).toMatchObject({ kind: 'objects', objects });
  });

  test('has all their messages tried again where they cannot be sent', async () => {
    const { open, queues } = intakeUnderTest();
    const messages = ['a', 'b'].map((key) => received(s3Event([{ bucket: 'in', key: `images/${key}`, etag: key }])));
    queues.bundles.faults.before = () => {
      throw unavailable();
    };
    expect(await open().handle(messages, deadlineOf())).toEqual(messages.map(({ id }) => id));
  });

  test('rejects one whose answer would lie among the results of a manifest', async () => {
    const { take, rejection, bundles } = intakeUnderTest();
    await take({ bucket: 'in', key: 'images/a.manifest.json/job', etag: 'e' });
    expect(rejection('images/a.manifest.json/job')?.reason).toContain('a.manifest.json');
    expect(bundles()).toEqual([]);
  });
});

const written = (key: string, etag: string, sequencer: string) => ({ bucket: 'in', key, etag, sequencer });
