import { expect, test } from 'vitest';
import { bundleCount, bundleRange } from '../../../lib/formats/plan.ts';
import { planObject } from '../../../lib/formats/plan-object.ts';
import type { ByteRange } from '../../../lib/stores/byte-source.ts';
import { openObjectSource } from '../../../lib/stores/object-source.ts';
import type { ObjectStore } from '../../../lib/stores/object-store.ts';
import { startTestAws } from '../../embedded-aws.ts';
import { inputOptions, readRange } from '../reading.ts';
import { expectedRows, plain } from './expected-values.ts';
import { fixture, fixturePath } from './parquet-files.ts';

test('a Parquet object in S3 is planned without its data, and each bundle is read by two requests', async () => {
  await using aws = await startTestAws();
  await aws.createBucket('tables');
  const address = { bucket: 'tables', key: 'walked.parquet' };
  await aws.store.put(address, await fixture('walked'));
  const gets: (ByteRange | undefined)[] = [];
  // Only these methods are used.
  const store = {
    head: (...args: Parameters<ObjectStore['head']>) => aws.store.head(...args),
    get(...args: Parameters<ObjectStore['get']>) {
      gets.push(args[1]?.range);
      return aws.store.get(...args);
    },
  } as ObjectStore;
  const input = inputOptions('parquet', { bundleBytes: 1000, columns: ['c0', 'c4'] });
  await using source = await openObjectSource(store, address);
  const plan = await planObject(source, input);
  const bundles = bundleCount(plan);
  expect(bundles).toBeGreaterThan(2);
  // The footer, and the headers of the pages of a row group without page indexes.
  const headers = gets.slice(1).filter((range) => range !== undefined && range.end - range.start <= 256);
  expect(gets).toHaveLength(1 + headers.length);
  gets.length = 0;
  const rows: unknown[] = [];
  for (let index = 0; index < bundles; index += 1) {
    const range = bundleRange(plan, index);
    for (const { input: row } of await readRange(source, range, input)) rows.push(plain(row));
  }
  // The footer and the pages, for each bundle.
  expect(gets).toHaveLength(2 * bundles);
  const expected = (await expectedRows(fixturePath('walked'))) as readonly Readonly<Record<string, unknown>>[];
  expect(rows).toEqual(expected.map(({ c0, c4 }) => ({ c0, c4 })));
});
