import { expect, test } from 'vitest';
import { elementsFormat } from '../../../lib/formats/registry.ts';
import { inputOptions, readAll } from '../reading.ts';
import { FILES, fixture } from './parquet-files.ts';

test.each(FILES)('rows of %s are the same after they were packed as texts, as grouping by key does', async (name) => {
  const packing = elementsFormat('parquet').packing([], inputOptions('parquet'));
  for (const element of await readAll(await fixture(name), 'parquet')) {
    expect(packing.unpack(packing.pack(element), element.position)).toEqual(element);
  }
});
