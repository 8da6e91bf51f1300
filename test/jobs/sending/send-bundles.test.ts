import { expect, test } from 'vitest';
import type { Job } from '../../../lib/jobs/job.ts';
import { objectListKey } from '../../../lib/jobs/output-layout.ts';
import { FOLDER_NAMES } from '../../../lib/jobs/part-names.ts';
import { sendBundles } from '../../../lib/jobs/sending/send-bundles.ts';
import { deadlineOf, memoryObjectStore, memoryQueue } from '../memory-ports.ts';

test('sendBundles has a few lists of objects in memory at once, however many it sends together', async () => {
  const output = { store: memoryObjectStore(), bucket: 'out' };
  const of = 100;
  const job: Job = {
    version: 1,
    id: 'j',
    pipeline: 'p',
    name: 'a.manifest.json',
    source: { uri: 's3://in/p/a.manifest.json', etag: 'e', format: 'images' },
    of,
    plan: { kind: 'listed', count: of, bundleElements: 1 },
    config: 'c',
  };
  for (let bundle = 0; bundle < of; bundle += 1) {
    const list = JSON.stringify([{ bucket: 'in', key: `${bundle}.png` }]);
    await output.store.put({ bucket: 'out', key: objectListKey(job, bundle) }, list);
  }
  let reading = 0;
  let most = 0;
  output.store.faults.before = async () => {
    reading += 1;
    most = Math.max(most, reading);
    await new Promise((resolve) => setImmediate(resolve));
    reading -= 1;
  };
  const queue = memoryQueue();
  expect(
    await sendBundles(
      { job, folder: 'p/a.manifest.json', names: FOLDER_NAMES },
      { queue, output, deadline: deadlineOf() },
    ),
  ).toBe(undefined);
  const bundles = queue.sent.map(({ body }) => (JSON.parse(body) as { readonly bundle: number }).bundle);
  expect(bundles).toEqual(Array.from({ length: of }, (_, bundle) => bundle));
  expect(most).toBeLessThanOrEqual(32);
});
