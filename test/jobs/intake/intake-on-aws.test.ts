import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type BundleMessage, parseMessage } from '../../../lib/elements/messages.ts';
import { MAX_RECEIVES } from '../../../lib/config/delivery.ts';
import { Intake } from '../../../lib/jobs/intake/intake.ts';
import { chunkKey } from '../../../lib/jobs/output-layout.ts';
import type { Job } from '../../../lib/jobs/job.ts';
import { getText } from '../../../lib/stores/object-store.ts';
import { SILENT } from '../../../lib/telemetry/telemetry.ts';
import { messagesOf, startEmulatedIntake } from './emulated-intake.ts';
import { factsOf } from './intake-under-test.ts';
import { deadlineOf } from '../memory-ports.ts';
import { received, s3Event } from './s3-event.ts';

test('Intake makes jobs of what is in S3, once each, however many take the same events', async () => {
  await using emulated = await startEmulatedIntake();
  const { store, queues } = emulated;
  const { intake: intakeQueue, finalizer, bundles } = queues;
  const intake = new Intake({
    output: { store, bucket: 'bucket-out' },
    telemetry: SILENT,
    now: Date.now,
    maxReceives: MAX_RECEIVES,
    inputBuckets: ['bucket-in'],
    pipelines: { csv: factsOf('csv', { bundleBytes: 1000 }), jsonl: factsOf('jsonl', { bundleBytes: 1000 }) },
    queues: { intake: intakeQueue, finalizer, bundles: { csv: bundles, jsonl: bundles } },
    jobQueues: () => ({ bundles: bundles.url, finalizer: finalizer.url }),
  });

  const rows = `a,b\n${Array.from({ length: 500 }, (_, n) => `${n},"x\ny"\n`).join('')}`;
  const contents = { 'csv/a ü+b.csv': rows, 'csv/a.csv.gz': gzipSync(rows), 'jsonl/a.jsonl': '{"n":1}\n'.repeat(500) };
  const events = await Promise.all(
    Object.entries(contents).map(async ([key, content]) => {
      const put = await store.put({ bucket: 'bucket-in', key }, content);
      return s3Event([{ bucket: 'bucket-in', key, etag: put?.etag ?? '' }]);
    }),
  );
  const runs = Array.from({ length: 4 }, () =>
    intake.handle(
      events.map((body) => received(body)),
      deadlineOf(),
    ),
  );
  expect((await Promise.all(runs)).flat()).toEqual([]);

  const sent = new Set((await messagesOf(bundles)).map(({ body }) => body));
  for (const key of Object.keys(contents)) {
    const recorded = await getText(store, { bucket: 'bucket-out', key: `${key}/_job.json` });
    const job = JSON.parse(recorded?.text ?? '') as Job;
    const own = [...sent]
      .map((body) => parseMessage(body) as BundleMessage)
      .filter((message) => message.job === job.id);
    expect(own.map(({ bundle }) => bundle).toSorted((a, b) => a - b)).toEqual([...Array(job.of).keys()]);
    if (!key.endsWith('.gz')) continue;
    const chunks = own.map(({ bundle }) => getText(store, { bucket: 'bucket-out', key: chunkKey(job, bundle) }));
    const texts = (await Promise.all(chunks)).map((chunk) => chunk?.text ?? '');
    expect(texts.join('').length).toBe(rows.length - 'a,b\n'.length);
  }
});
