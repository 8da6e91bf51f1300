import { describe, expect, test } from 'vitest';
import type { Bundle } from '../../lib/inference/bundle.ts';
import { type MissingField } from '../../lib/inference/missing-field.ts';
import { readBundle, type ReadBundleOptions } from '../../lib/inference/worker/read-bundle.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

const OPTIONS = {
  bundleBytes: 4096,
  bundleElements: 256,
  maxElementBytes: 4096,
  maxPixels: 1,
} as const;

interface Read {
  readonly format?: 'jsonl' | 'csv';
  readonly id?: string;
  readonly key?: string;
  readonly inputs?: readonly string[];
  readonly start?: number;
  readonly header?: readonly string[];
}

async function missingIn(text: string, { format = 'jsonl', start = 0, header, inputs, ...named }: Read) {
  const uri = await writeIn(await temporaryFolder(), 'a', text);
  const range = { start, end: Buffer.byteLength(text), ...(header === undefined ? {} : { header }) };
  const bundle: Bundle = { name: 'a', source: { kind: 'range', uri, range }, address: {} };
  const missing: MissingField[] = [];
  const options: ReadBundleOptions = {
    input: { ...OPTIONS, format, ...named },
    signal: new AbortController().signal,
    hasOutcomes: false,
    ...(inputs === undefined ? {} : { inputFields: inputs }),
    onMissingField: (field) => missing.push(field),
  };
  for await (const _ of readBundle(bundle, options));
  return missing;
}

describe('a field that the configuration names and no element has', () => {
  const lines = '{"id":1,"a":2}\n{"id":2,"b":2}\n';

  test('is reported with the fields that there are', async () => {
    expect(await missingIn(lines, { id: 'customerid', key: 'id' })).toEqual([
      { option: 'input.id', field: 'customerid', name: 'a', elements: 2, fields: ['id', 'a', 'b'] },
    ]);
    expect(await missingIn(lines, { key: 'Id' })).toMatchObject([{ option: 'input.key', field: 'Id' }]);
  });

  test('is reported once for the inputs of a model, with the number of others', async () => {
    expect(await missingIn(lines, { inputs: ['a', 'aa', 'id', 'bb', 'c.d'] })).toEqual([
      { option: 'inputs', field: 'aa', others: 2, name: 'a', elements: 2, fields: ['id', 'a', 'b'] },
    ]);
    expect(await missingIn('{"c":{"d":1}}\n', { inputs: ['c.d', 'c.e'] })).toEqual([
      { option: 'inputs', field: 'c.e', name: 'a', elements: 1, fields: ['c'] },
    ]);
  });

  test.each([
    ['each input is in one of the elements', lines, { inputs: ['a', 'b'] }],
    ['an element has it', lines, { id: 'b' }],
    ['its value is null', '{"id":null}\n', { id: 'id' }],
    ['no field is named', lines, {}],
    ['nothing could be read', 'no JSON\n', { id: 'x' }],
    ['there is nothing', '', { id: 'x' }],
    ['the range begins within the object', lines, { id: 'x', start: 4 }],
  ])('is not where %s', async (_, text, read) => {
    expect(await missingIn(text, read)).toEqual([]);
  });

  test('is one of a CSV, whose rows have the same columns wherever a bundle begins', async () => {
    const csv = { format: 'csv', header: ['id', 'a'] } as const;
    expect(await missingIn('id,a\n1,2\n', { ...csv, start: 5, id: 'ID' })).toMatchObject([{ fields: ['id', 'a'] }]);
    expect(await missingIn('id,a\n1,2\n', { ...csv, start: 5, id: 'id' })).toEqual([]);
  });

  test('is one of elements that are not objects', async () => {
    expect(await missingIn('1\n2\n', { id: 'id' })).toMatchObject([{ elements: 2, fields: [] }]);
  });
});
